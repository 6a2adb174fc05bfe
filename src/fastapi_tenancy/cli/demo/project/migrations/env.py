"""Migrates the schema of one tenant: alembic -x tenant=IDENTIFIER (or -x schema=SCHEMA)."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import NullPool, create_engine, make_url, text

arguments = context.get_x_argument(as_dictionary=True)
url = context.config.get_main_option("sqlalchemy.url") or os.environ["TENANCY_DATABASE_URL"]
if "schema" in arguments:
    schema = arguments["schema"]
elif "tenant" in arguments:
    schema = "tenant_" + arguments["tenant"].replace("-", "_")
else:
    raise SystemExit("Name a tenant: alembic -x tenant=IDENTIFIER upgrade head")

engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
with engine.connect() as connection:
    # As in the Alembic cookbook: every unqualified name now means the tenant's schema.
    path = '"' + schema.replace('"', '""') + '", public'
    connection.execute(text("SELECT set_config('search_path', :path, false)"), {"path": path})
    connection.commit()
    connection.dialect.default_schema_name = schema
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
