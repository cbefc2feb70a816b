"""Registration of keyframes that were coloured elsewhere with the plate (docs/method.md, "Registration")."""

from stcolor_core.method.registration.patches import find_patch_alignment
from stcolor_core.method.registration.registration import (
    Registration,
    describe_moves,
    find_neighbours,
    find_registration,
)

__all__ = ["Registration", "describe_moves", "find_neighbours", "find_patch_alignment", "find_registration"]
