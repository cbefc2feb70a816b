from __future__ import annotations

import numpy as np
import PyOpenColorIO as ocio
import pytest

from stcolor_core.errors import ColorError
from stcolor_core.movies.color import ColorTags, tagged_space

LEVELS = np.linspace(-0.05, 1.1, 24, dtype=np.float32)
PIXELS = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("transfer", [1, 4, 5, 6, 8, 13, 14, 15])
@pytest.mark.parametrize("primaries", [1, 5, 6, 7, 9, 12])
def test_encoding_undoes_decoding_and_grey_stays_grey(primaries: int, transfer: int) -> None:
    space = tagged_space(f"{primaries}/{transfer}", "a.mov")
    light = space.decode(PIXELS)  # compared as light: a power curve is infinitely steep at 0
    assert np.abs(space.decode(space.encode(light)) - light).max() < 1e-5
    grey = space.decode(np.repeat(LEVELS[:, None], 3, axis=1))
    assert np.abs(grey - grey[:, :1]).max() < 1e-6


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1/1", "Rec.709 - Display scene"),
        ("9/8", "lin_rec2020_scene"),
        ("12/8", "lin_p3d65_scene"),
        ("1/13", "srgb_rec709_scene"),
        ("1/4", "g22_rec709_scene"),
    ],
)
def test_a_tagged_space_is_that_of_opencolorio(text: str, name: str) -> None:
    config = ocio.Config.CreateFromFile("ocio://studio-config-latest")
    known = {"lin_rec2020_scene": "Linear Rec.2020", "lin_p3d65_scene": "Linear P3-D65"}
    names = {"srgb_rec709_scene": "sRGB Encoded Rec.709 (sRGB)", "g22_rec709_scene": "Gamma 2.2 Encoded Rec.709"}
    found = {**known, **names, "Rec.709 - Display scene": "Camera Rec.709"}[name]
    assert config.getColorSpace(found) is not None
    processor = config.getProcessor(found, "Linear Rec.709 (sRGB)").getDefaultCPUProcessor()
    inside = PIXELS[(PIXELS >= 0).all(axis=-1) & (PIXELS <= 1).all(axis=-1)]
    expected = inside.copy()
    processor.applyRGB(expected)
    assert np.abs(tagged_space(text, "a.mov").decode(inside) - expected).max() < 2e-3


@pytest.mark.parametrize(("text", "named"), [("9/16", "PQ"), ("9/18", "HLG"), ("10/1", "H.273")])
def test_tags_without_scene_light_need_a_name(text: str, named: str) -> None:
    with pytest.raises(ColorError, match=f"a.mov is tagged as .*{named}.*--colorspace"):
        tagged_space(text, "a.mov")


def test_untagged_movies_are_taken_as_players_take_them() -> None:
    untagged = {"primaries": 2, "transfer": 2, "matrix": 2, "full_range": None}
    assert ColorTags.complete(**untagged, is_rgb=False, lines=1080) == ColorTags(1, 1, 1, False, assumed=True)
    assert ColorTags.complete(**untagged, is_rgb=False, lines=576) == ColorTags(1, 1, 6, False, assumed=True)
    assert ColorTags.complete(**untagged, is_rgb=True, lines=1080) == ColorTags(1, 13, 0, True, assumed=True)
    tagged = ColorTags.complete(primaries=9, transfer=14, matrix=9, full_range=True, is_rgb=False, lines=1080)
    assert tagged == ColorTags(9, 14, 9, True)
    assert tagged.to_text() == "9/14"
