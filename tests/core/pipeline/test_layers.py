"""The channels of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from stcolor_core.method.tracking.instance import Instances
from stcolor_core.pipeline.layers import RenderedFrame, make_channels


def frame(**changes: object) -> RenderedFrame:
    ones = np.ones((20, 30), np.float32)
    values = {
        "frame": 5,
        "ab": np.zeros((20, 30, 2), np.float32),
        "confidence": ones,
        "tracked": ones,
        "source": 5 * ones,
    }
    return RenderedFrame(**{**values, "displacement": None, "mattes": None, **changes})  # type: ignore[arg-type]


def test_the_stmap_is_the_identity_where_nothing_was_tracked() -> None:
    layers, _ = make_channels(frame(), canvas=(0, 0, 30, 20), display=(0, 0, 30, 20))
    np.testing.assert_allclose(layers["rc_st.u"][0][3], (np.arange(30) + 0.5) / 30, atol=1 / 64 / 30)
    np.testing.assert_allclose(layers["rc_st.v"][0][:, 3], 1 - (np.arange(20) + 0.5) / 20, atol=1 / 64 / 20)


def test_the_stmap_points_to_the_reference_and_is_measured_from_the_display_window() -> None:
    moved = np.zeros((10, 15, 2), np.float32)
    moved[..., 0] = 2  # at half size: 4 px to the right at plate size
    layers, _ = make_channels(frame(displacement=moved), canvas=(-5, -5, 30, 20), display=(0, 0, 20, 10))
    np.testing.assert_allclose(layers["rc_st.u"][0][7], (np.arange(30) - 5 + 4 + 0.5) / 20, atol=1 / 64 / 20)
    picture = np.random.RandomState(0).rand(20, 30).astype(np.float32)
    u, v = layers["rc_st.u"][0], layers["rc_st.v"][0]
    there = cv2.remap(picture, u * 20 + 5 - 0.5, (1 - v) * 10 + 5 - 0.5, cv2.INTER_LINEAR)
    np.testing.assert_allclose(there[:, :-4], picture[:, 4:], atol=2 / 64)


def test_mattes_become_cryptomatte_in_float() -> None:
    masks = np.zeros((1, 10, 15), np.float32)
    masks[0, 2:6, 3:9] = 1
    mattes = Instances(masks, np.zeros(1, np.int32), np.ones(1, np.float32), ("coat",))
    layers, metadata = make_channels(frame(mattes=mattes), canvas=(0, 0, 30, 20), display=(0, 0, 30, 20))
    assert layers["rc_id00.R"][1] == "float"
    assert layers["rc_id00.G"][0][8, 12] == 1
    assert any("coat" in value for value in metadata.values())
