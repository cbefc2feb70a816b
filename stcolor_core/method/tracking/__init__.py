"""Where a pixel of the target was on the reference: temporal correspondence (paper, sections 3.3 and 3.4)."""
