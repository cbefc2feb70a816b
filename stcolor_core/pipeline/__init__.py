"""A shot from plates to coloured frames."""
