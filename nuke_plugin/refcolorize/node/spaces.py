"""The numbers of each linear working space that the node's composite needs.

Luminance is Y of CIE XYZ (CIE 15) under D65. M is the matrix from a space's RGB to XYZ, computed from the primaries and
the white point (SMPTE RP 177-1993; the white point of ACES is adapted to D65 by Bradford). W is the white point of D65,
(0.3127, 0.3290).

- `luma` is the Y row of M; its sum is 1.
- `x_light` and `z_light` are the first and last column of the inverse of M / W. They are the RGB of light with X = Xn
  or Z = Zn and Y = 0, so adding any amount of it does not change the luminance.

The core takes the same matrices from OpenColorIO; a test checks that they agree.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SPACES", "Space", "find_space"]

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Space:
    """A linear colour space.

    Attributes:
        name: As in the node's knob `working_space`.
        luma: The weights of R, G and B in Y; their sum is 1.
        x_light: The RGB of X/Xn = 1 without Y and Z.
        z_light: The RGB of Z/Zn = 1 without X and Y.
    """

    name: str
    luma: Triple
    x_light: Triple
    z_light: Triple


SPACES: dict[str, Space] = {
    space.name: space
    for space in (
        Space(
            "linear Rec.709",
            luma=(0.21263901, 0.71516868, 0.07219232),
            x_light=(3.08039909, -0.92122336, 0.05287394),
            z_light=(-0.54301591, 0.04525586, 1.15110302),
        ),
        Space(
            "ACEScg",
            luma=(0.26767218, 0.67433999, 0.05798783),
            x_light=(1.57831317, -0.62723064, 0.00855655),
            z_light=(-0.26301761, 0.01883917, 0.99501033),
        ),
        Space(
            "ACES2065-1",
            luma=(0.33736889, 0.72952157, -0.06689046),
            x_light=(1.01080559, -0.46769477, -0.00267692),
            z_light=(-0.01721450, 0.09947136, 0.99803275),
        ),
        Space(
            "linear P3-D65",
            luma=(0.22897456, 0.69173852, 0.07928691),
            x_light=(2.36995892, -0.78839271, 0.03406988),
            z_light=(-0.43857530, 0.02572865, 1.04210251),
        ),
        Space(
            "linear Rec.2020",
            luma=(0.26270021, 0.67799807, 0.05930172),
            x_light=(1.63160130, -0.63365409, 0.01676591),
            z_light=(-0.27593051, 0.01717286, 1.02600471),
        ),
    )
}

# The names and aliases in the configs of ACES 1.x, in OpenColorIO's built-in configs and in Nuke's own colour
# management ("linear"). Roles such as scene_linear are left out, because each config defines them differently.
_NAMES: dict[str, tuple[str, ...]] = {
    "linear Rec.709": (
        "linear",
        "Linear Rec.709 (sRGB)",
        "lin_rec709",
        "lin_rec709_srgb",
        "lin_rec709_scene",
        "lin_srgb",
        "Utility - Linear - Rec.709",
        "Utility - Linear - sRGB",
    ),
    "ACEScg": ("ACES - ACEScg", "lin_ap1", "lin_ap1_scene"),
    "ACES2065-1": ("ACES - ACES2065-1", "aces2065_1", "lin_ap0", "lin_ap0_scene"),
    "linear P3-D65": (
        "lin_p3d65",
        "lin_p3d65_scene",
        "lin_displayp3",
        "Linear Display P3",
        "Utility - Linear - P3-D65",
    ),
    "linear Rec.2020": ("lin_rec2020", "lin_rec2020_scene", "Utility - Linear - Rec.2020"),
}
_SPACE_OF = {alias.lower(): SPACES[name] for name, aliases in _NAMES.items() for alias in (name, *aliases)}


def find_space(name: str) -> Space | None:
    """Return the space with a name in an OpenColorIO config; None if the name is not known.

    Args:
        name: The name of a colour space, not of a role. Case does not matter, as in OpenColorIO.
    """
    return _SPACE_OF.get(name.strip().lower())
