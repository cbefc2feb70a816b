"""The core as a service for the Nuke node: jobs over HTTP on this machine alone. Pixels stay on disk."""
