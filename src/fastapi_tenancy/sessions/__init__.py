"""Sessions of SQLAlchemy that see one tenant."""

from importlib import import_module

from fastapi_tenancy.errors import MissingExtraError

try:
    import_module("greenlet")  # which SQLAlchemy's asyncio needs, and does not bring by itself
except ModuleNotFoundError as missing:
    raise MissingExtraError("fastapi", missing) from missing
