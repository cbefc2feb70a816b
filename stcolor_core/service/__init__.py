"""The core as a service for the Nuke node: jobs over HTTP, on this machine only. Pixels stay on disk."""
