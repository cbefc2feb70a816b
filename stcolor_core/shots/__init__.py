"""What the artist requests, and what follows from it without computing a pixel: spans, cuts, suggestions."""
