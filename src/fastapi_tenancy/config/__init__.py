"""Every setting with its default, read from arguments, the environment and the project's files."""

from fastapi_tenancy.config.tenancy import TenancyConfig

__all__ = ["TenancyConfig"]
