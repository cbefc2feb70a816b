"""What the artist asked for, and what follows from it without computing a pixel: spans, cuts, suggestions."""
