"""``tenancy.toml`` as `tenancy init` writes it."""

from __future__ import annotations

import json

from fastapi_tenancy.model.tenant import IsolationStrategy

_HEAD = """\
# Settings of tenancy. Each can be given as a variable instead: TENANCY_DATABASE_URL,
# TENANCY_CONCURRENCY, ... `tenancy doctor` looks whether they fit.

# How tenants are kept apart: schema, database, rls (shared tables) or hybrid (a mix).
isolation_strategy = {strategy}
"""
_SQLITE = """
# The list of tenants is in this file, and each tenant has a file beside it.
database_url = {url}
"""
_POSTGRESQL = """
# The PostgreSQL database. A password is better kept in the variable TENANCY_DATABASE_URL.
{mark}database_url = {url}
"""
_INI = """
# The database is sqlalchemy.url of alembic.ini, unless it is named here.
# database_url = "postgresql://user:password@localhost/database"
"""
_OWN = {
    IsolationStrategy.SCHEMA: """
# A tenant lives in the schema of this prefix and its identifier.
# schema_prefix = "tenant_"
# Schemas that are searched after the tenant's own.
# search_path_extra = ["public"]
""",
    IsolationStrategy.DATABASE: """
# Where a tenant's database is; by default beside database_url, named tenant_ and its identifier.
# database_url_template = "postgresql://user:password@localhost/{database_name}"
""",
    IsolationStrategy.RLS: "",
    IsolationStrategy.HYBRID: """
# Tenants that are kept apart in another way, by identifier, and how; the rest is "schema".
# premium_tenants = ["acme"]
# premium_isolation_strategy = "database"
# standard_isolation_strategy = "schema"
""",
}
_TAIL = """
# The list of tenants is a table there, which `tenancy tenants` writes. Have you one of your own?
# tenants_query = "SELECT slug AS identifier FROM accounts"

# Tenants migrated at the same time, a connection each.
# concurrency = 10
# No statement of a migration waits longer than this for a lock.
# lock_timeout_s = 5
"""
PLACEHOLDER = "postgresql://user:password@localhost/database"
SQLITE_URL = "sqlite:///data/tenancy.db"


def settings_text(strategy: IsolationStrategy, url: str | None, *, in_ini: bool = False) -> str:
    """The settings with their explanations.

    Args:
        url: the database; None where a person has to fill it in, or a variable names it.
        in_ini: it is in alembic.ini.
    """
    if in_ini:
        database = _INI
    elif url is not None and url.startswith("sqlite"):
        database = _SQLITE.format(url=json.dumps(url))
    else:
        mark = "" if url else "# "
        database = _POSTGRESQL.format(mark=mark, url=json.dumps(url or PLACEHOLDER))
    return _HEAD.format(strategy=json.dumps(strategy.value)) + database + _OWN[strategy] + _TAIL
