"""Where a pixel of the target was on the reference: temporal correspondence (Akimoto et al. 2020, 3.3 and 3.4)."""
