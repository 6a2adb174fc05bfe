"""A place that a request is about."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Asked:
    """A place somebody asks about, told from others by its key alone."""

    key: TargetKey
    target: Target = field(compare=False)

    @property
    def tenant(self) -> Tenant:
        """The tenant that was asked for; others may live there too."""
        return self.target.tenant
