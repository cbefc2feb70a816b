"""Measurement of quality on clips of known colour."""
