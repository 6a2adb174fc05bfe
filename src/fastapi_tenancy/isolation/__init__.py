"""Where a tenant lives: names, schemas, connection addresses."""
