"""The application's side: middleware, and what endpoints depend on."""
