"""The admin router: tenants, their migrations and runs of the whole fleet, over HTTP."""
