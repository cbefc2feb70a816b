"""RefColorize core: reference-based video colourisation with spatiotemporal correspondence.

Importing this package costs nothing; torch loads only in the modules that compute with it.
"""

__version__ = "0.1.0"
