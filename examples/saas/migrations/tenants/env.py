from fastapi_tenancy.migrations.env import run_migrations
from saas.tenant_models import TenantBase

run_migrations(target_metadata=TenantBase.metadata)
