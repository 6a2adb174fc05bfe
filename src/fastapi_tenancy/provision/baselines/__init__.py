"""New tenants from a baseline: made once by the migrations, and then made again as it is."""
