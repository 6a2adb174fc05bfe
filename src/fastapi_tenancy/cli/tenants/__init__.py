"""`tenancy tenants`: the catalogue from the command line."""
