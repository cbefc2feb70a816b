"""The registered models and their weights on disk."""
