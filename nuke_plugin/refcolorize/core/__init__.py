"""The way to the core: find it, start it, ask it."""
