"""The models there are, and their weights on disk."""
