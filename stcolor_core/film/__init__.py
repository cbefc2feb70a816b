"""A film: scenes that share keyframes, described by a plan that a person can edit, and coloured one shot per scene."""
