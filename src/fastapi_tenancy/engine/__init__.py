"""Plan, render, apply, verify: the road of a fleet migration."""
