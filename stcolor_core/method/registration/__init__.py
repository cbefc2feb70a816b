"""Registration of keyframes that were coloured elsewhere with the plate (docs/method.md, "Registration")."""

from stcolor_core.method.registration.alignment import local_contrast
from stcolor_core.method.registration.crop import Place, find_bars, find_place
from stcolor_core.method.registration.exactness import is_posterised
from stcolor_core.method.registration.patches import (
    PatchPlace,
    find_patch_curve,
    find_patch_damage,
    find_patch_paint,
    find_patch_place,
    lies_elsewhere,
    match_tone,
    shows_other_picture,
)
from stcolor_core.method.registration.registration import CLEANED, Registration
from stcolor_core.method.registration.search import find_neighbours, find_registration
from stcolor_core.method.registration.wording import describe_moves

__all__ = [
    "CLEANED",
    "PatchPlace",
    "Place",
    "Registration",
    "describe_moves",
    "find_bars",
    "find_neighbours",
    "find_patch_curve",
    "find_patch_damage",
    "find_patch_paint",
    "find_patch_place",
    "find_place",
    "find_registration",
    "is_posterised",
    "lies_elsewhere",
    "local_contrast",
    "match_tone",
    "shows_other_picture",
]
