"""Temporal correspondence: where each pixel of the target was on the reference.

Akimoto et al. 2020, sections 3.3 and 3.4; see docs/method.md, "Tracking".
"""
