from fastapi_tenancy.migrations.env import run_migrations
from saas.shared_models import SharedBase

run_migrations(target_metadata=SharedBase.metadata)
