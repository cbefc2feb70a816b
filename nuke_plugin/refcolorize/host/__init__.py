"""Services of the host application: Nuke's main thread, its Qt, and dialogs that do not block it."""
