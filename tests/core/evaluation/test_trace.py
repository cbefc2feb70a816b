"""The tracked region of a pixel, on a scene whose motion is known."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import pan

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.run import evaluate
from stcolor_core.evaluation.strips import write_picture
from stcolor_core.evaluation.trace import TracePoint, parse_trace, trace_pixel, write_trace
from stcolor_core.images.color import lab_to_srgb

CPU = torch.device("cpu")
STEP = 3  # px that the scene moves in a frame


@pytest.fixture(scope="module")
def clip() -> Clip:
    scene = pan(6, height=108, width=192, step=STEP)
    labs = (np.dstack(pair) for pair in zip(scene.lightnesses, scene.ab, strict=True))
    return Clip.from_rgb([lab_to_srgb(lab) for lab in labs])


def test_the_pixel_is_written_as_frame_and_place() -> None:
    assert parse_trace("12:200,96") == TracePoint(12, 200, 96)
    for wrong in ("12", "12:200", "a:1,2", "12:-1,2", "1:2,3,4", "9" * 5000 + ":1,2"):
        with pytest.raises(BadRequest, match="FRAME:X,Y"):
            parse_trace(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("reference", [0, 5])
def test_dense_tracking_follows_a_known_motion_back_to_the_reference(
    clip: Clip, reference: int, tmp_path: Path
) -> None:
    target = 5 - reference
    traced = trace_pixel(clip, (reference,), TracePoint(target, 96, 50), "standard", device=CPU)
    away = 1 if reference < target else -1
    assert [step.frame for step in traced] == list(range(target, reference, -away))
    shift = cv2.phaseCorrelate(*(clip.lightnesses[i].astype(np.float64) for i in (0, 1)))[0][0]
    assert abs(shift) == pytest.approx(STEP, abs=0.2), "what the test takes for the motion is the motion"
    for step in traced:
        assert (step.x, step.y) == pytest.approx((96 - (target - step.frame) * shift, 50), abs=1)
        best = step.cells[step.affinity.argmax()]
        assert best == pytest.approx((96 - (target - reference) * shift, 50), abs=6), "a cell is 4 px"
        assert step.affinity.sum() == pytest.approx(1)
        assert 0 < (step.heat > 0).mean() < 0.5, "a region, not the whole reference"
        assert step.heat.max() == pytest.approx(1)
    write_trace(tmp_path, clip, traced)
    assert len(list(tmp_path.glob("*.png"))) == len(traced)
    written = json.loads((tmp_path / "trace.json").read_text())
    assert written[0]["frame"] == target
    assert len(written[0]["cells"]) == len(written[0]["affinity"])


@pytest.mark.parametrize(
    ("point", "variant", "named"),
    [
        (TracePoint(6, 0, 0), "standard", "6 frames of 192 x 108"),
        (TracePoint(1, 192, 0), "standard", "192 x 108"),
        (TracePoint(0, 3, 3), "standard", "frame 0 is a reference"),
        (TracePoint(1, 3, 3), "standard:none", "no dense tracking"),
    ],
)
def test_a_pixel_that_cannot_be_traced_is_refused(clip: Clip, point: TracePoint, variant: str, named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        trace_pixel(clip, (0,), point, variant, device=CPU)


@pytest.mark.parametrize(
    ("point", "variants", "named"),
    [
        (TracePoint(50, 3, 3), ["standard"], "4 frames"),
        (TracePoint(1, 384, 3), ["standard"], "384 x 216"),
        (TracePoint(0, 3, 3), ["grey", "standard"], "is a reference"),
        (TracePoint(1, 3, 3), ["grey", "standard:none"], "needs a variant with dense tracking"),
    ],
)
def test_an_evaluation_refuses_it_before_anything_is_measured(
    tmp_path: Path, clip: Clip, point: TracePoint, variants: list[str], named: str
) -> None:
    for index in range(4):
        write_picture(tmp_path / "set" / "wall" / f"{index:05}.png", np.rint(255 * clip.rgb[index]).astype(np.uint8))
    output = tmp_path / "out"
    with pytest.raises(BadRequest, match=named):
        evaluate(tmp_path / "set", protocols=["first"], variants=variants, output=output, device=CPU, trace=point)
    assert not output.exists()
