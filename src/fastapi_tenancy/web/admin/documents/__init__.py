"""What the admin router takes and gives, as models that its OpenAPI description is made of."""
