"""`tenancy doctor`: whether a project, its list of tenants and their databases fit together."""
