"""Registration of keyframes that were coloured elsewhere with the plate (docs/method.md, "Registration")."""

from stcolor_core.method.registration.registration import Registration, find_neighbours, find_registration

__all__ = ["Registration", "find_neighbours", "find_registration"]
