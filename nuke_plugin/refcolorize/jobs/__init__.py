"""What runs in the background: renders, farm submissions, their progress."""
