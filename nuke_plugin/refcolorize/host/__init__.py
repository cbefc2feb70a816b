"""What Nuke itself provides to the plug-in: its main thread, its Qt, dialogs that do not block it."""
