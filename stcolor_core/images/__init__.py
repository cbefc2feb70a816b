"""Pictures: sequences of frames, reading and writing, layers, colour spaces, resizing."""
