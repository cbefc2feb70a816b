"""Background work: renders, farm submissions, and their progress."""
