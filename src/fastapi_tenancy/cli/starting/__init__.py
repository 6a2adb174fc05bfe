"""`tenancy init`: a project that runs, or a look at the one that is there."""
