"""What all tests share; ``tenancy_postgres`` and ``tenancy_database`` come from the package's own plugin."""

from __future__ import annotations

pytest_plugins = ["pytester"]
