"""The path on tensors against the one on arrays, on the CPU.

Flow is chaotic where nothing decides it, so that another flow gives other pixels there. To compare all the rest, the
path on arrays takes the flow of the path on tensors in place of OpenCV's, and samples pictures channel by channel,
which OpenCV does without rounding positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scenes import Scene, crossing, pan

from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import luminance_of, roll_off
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.light import relight
from stcolor_core.method.light_limits import blacken
from stcolor_core.method.on_device import tracker
from stcolor_core.method.on_device.frames import DeviceFrame
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.tensor_flow import COARSE, FINE, dense_inverse_search
from stcolor_core.method.upsampling import upsample
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

CPU = torch.device("cpu")
pytestmark = pytest.mark.slow


class TensorDis:
    """Stands where OpenCV's DIS flow does."""

    def __init__(self) -> None:
        self.settings = COARSE

    @classmethod
    def create(cls, preset: int) -> TensorDis:  # noqa: ARG003
        return cls()

    def setFinestScale(self, level: int) -> None:  # noqa: N802
        self.settings = replace(FINE, finest=level)

    def __getattr__(self, name: str) -> object:
        if name.startswith("set"):
            return lambda _: None
        raise AttributeError(name)

    def calc(self, target: np.ndarray, reference: np.ndarray, start: np.ndarray | None) -> np.ndarray:
        pictures = (torch.from_numpy(picture)[None].float() for picture in (target, reference))
        given = None if start is None else torch.from_numpy(start.copy()).permute(2, 0, 1)[None]
        flow = dense_inverse_search(*pictures, given, settings=self.settings)[0]
        return np.ascontiguousarray(flow.permute(1, 2, 0).numpy())


@pytest.fixture
def same_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    remap, grey = cv2.remap, tracker._grey

    def by_channel(picture: np.ndarray, *arguments: object, **options: object) -> np.ndarray:
        planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(np.atleast_3d(picture), 2, 0)]
        moved = [remap(plane, *arguments, **options) for plane in planes]
        return moved[0] if picture.ndim == 2 else np.stack(moved, -1)

    monkeypatch.setattr(cv2, "DISOpticalFlow", TensorDis)
    monkeypatch.setattr(cv2, "remap", by_channel)
    monkeypatch.setattr(tracker, "_grey", lambda lightness: grey(lightness).round())  # as bytes


def propagator(*, tensors: bool, **settings: object) -> Propagator:
    method = Method(tracking="dense", **settings)  # type: ignore[arg-type]
    return Propagator(registry.build("standard", device="cpu"), method, device=CPU, tensors=tensors)


def color(scene: Scene, references: Sequence[int], *, tensors: bool, **settings: object) -> dict[int, ColoredFrame]:
    colors = propagator(tensors=tensors, **settings)
    frames: dict[int, ColoredFrame] = {}
    if colors._device_spans is not None:
        colors._device_spans._batch = 1
    for span in plan(range(len(scene.lightnesses)), references, []):
        with Scratch() as scratch:
            frames.update({frame.frame: frame for frame in colors.color(span, scene, scratch)})
    return frames


def relit(scene: Scene, exposures: Sequence[float]) -> Scene:
    """Return a scene whose frames are in changed light."""
    pairs = [relight(*planes) for planes in zip(scene.lightnesses, scene.ab, exposures, strict=True)]
    return replace(scene, lightnesses=[pair[0] for pair in pairs], ab=[pair[1] for pair in pairs])


def assert_alike(scene: Scene, references: Sequence[int], *, share: float = 0.999, **settings: object) -> None:
    """Compare both paths: ab within 0.1 and confidence within 0.01 for a share of the pixels."""
    here = color(scene, references, tensors=False, **settings)
    there = color(scene, references, tensors=True, **settings)
    assert list(here) == list(there)
    for frame, expected in here.items():
        found = there[frame]
        assert np.quantile(np.abs(found.ab - expected.ab), share) < 0.1, frame
        assert np.quantile(np.abs(found.confidence - expected.confidence), share) < 0.01, frame
        assert np.quantile(np.abs(found.tracked - expected.tracked), share) < 0.01, frame
        assert (found.source != expected.source).mean() < 0.01, frame
        assert found.fallback == pytest.approx(expected.fallback, abs=0.01)
        if expected.displacement is not None:
            assert found.displacement is not None
            assert np.median(np.abs(found.displacement - expected.displacement)) < 0.01, frame


@pytest.mark.parametrize("references", [[0], [0, 4], [2]])
def test_colours_are_those_of_the_path_on_arrays(same_flow: None, references: list[int]) -> None:  # noqa: ARG001
    assert_alike(pan(5), references)


def test_objects_that_cross_are_coloured_alike(same_flow: None) -> None:  # noqa: ARG001
    assert_alike(replace(crossing(3), with_mattes=False), [0], share=0.995)  # flow has no truth at the squares' edges


def test_changes_of_light_are_followed_alike(same_flow: None) -> None:  # noqa: ARG001
    assert_alike(relit(pan(6), [1, 0.9, 0.5, 0.7, 1.3, 1]), [0])


def test_light_can_be_left_alone(same_flow: None) -> None:  # noqa: ARG001
    assert_alike(relit(pan(5), [1, 0.9, 0.5, 0.7, 1.3]), [0], light="off")


def test_a_reference_that_is_known_in_part_and_a_still_are_used_alike(same_flow: None) -> None:  # noqa: ARG001
    scene = pan(5)
    known = np.ones(scene.lightnesses[0].shape, bool)
    known[20:60, 30:80] = False

    class InPart(Scene):
        def keyframe(self, frame: int) -> Keyframe:
            return replace(super().keyframe(frame), known=known)

    still = Keyframe(scene.lightnesses[4], scene.ab[4])
    parts = InPart(scene.lightnesses, scene.ab, scene.masks, stills=(still,), with_mattes=False)
    assert_alike(parts, [0], share=0.98)  # a cell at the border of what is known may have a candidate or none


def test_frames_without_a_reference_are_matched_with_stills_alike(same_flow: None) -> None:  # noqa: ARG001
    scene = pan(4)
    assert_alike(replace(scene, stills=(scene.keyframe(0),)), [])


def test_the_choice_of_frames_changes_no_pixel_and_the_batch_hardly_any() -> None:
    scene = pan(9)
    (span,) = [span for span in plan(range(9), [0], []) if len(span.frames) > 1]
    results = []
    for batch, wanted in ((2, None), (2, {5, 8}), (2, {7}), (1, {7})):
        colors = propagator(tensors=True)
        assert colors._device_spans is not None
        colors._device_spans._batch = batch
        with Scratch() as scratch:
            results.append({frame.frame: frame for frame in colors.color(span, scene, scratch, wanted=wanted)})
    assert [sorted(result) for result in results] == [list(range(1, 9)), [5, 8], [7], [7]]
    for result in results[1:3]:
        for frame, found in result.items():
            np.testing.assert_array_equal(found.ab, results[0][frame].ab)
            np.testing.assert_array_equal(found.confidence, results[0][frame].confidence)
    assert np.quantile(np.abs(results[3][7].ab - results[0][7].ab), 0.95) < 0.02  # another batch rounds in another way


def test_a_frame_is_enlarged_as_on_arrays() -> None:
    scene = pan(3)
    rng = np.random.RandomState(3)
    plate = cv2.resize(scene.lightnesses[1], (307, 241), interpolation=cv2.INTER_CUBIC)
    plate = (plate + rng.standard_normal(plate.shape)).astype(np.float32).clip(0, 100)
    (span,) = [span for span in plan(range(3), [0], []) if len(span.frames) > 1]
    with Scratch() as scratch:
        frame = next(iter(propagator(tensors=True).color_in_place(span, scene, scratch)))
    assert isinstance(frame, DeviceFrame)
    large, own = frame.enlarge(plate, chroma=0.8, blackens=True), frame.to_host()
    expected = blacken(upsample(own.ab * np.float32(0.8), own.lightness, plate), plate)
    np.testing.assert_allclose(large.ab, expected, atol=0.02)
    assert large.confidence.shape == large.tracked.shape == plate.shape
    np.testing.assert_array_equal(np.unique(large.source), [0])
    for name in ("source", "displacement", "fallback"):
        np.testing.assert_array_equal(getattr(large, name), getattr(own, name))
    assert large.mean_confidence == pytest.approx(own.confidence.mean(), abs=1e-6)
    assert large.rgb is None
    assert large.ab.dtype == np.float32


def test_a_frame_put_on_its_plate_is_the_composite_of_arrays_in_half_precision() -> None:
    scene = pan(3)
    rng = np.random.RandomState(3)
    light = cv2.resize(luminance_of(scene.lightnesses[1]), (307, 241), interpolation=cv2.INTER_CUBIC)
    pixels = (light + 0.01 * rng.standard_normal(light.shape)).astype(np.float32)[..., None]
    (span,) = [span for span in plan(range(3), [0], []) if len(span.frames) > 1]
    with Scratch() as scratch:
        frame = next(iter(propagator(tensors=True).color_in_place(span, scene, scratch)))
    assert isinstance(frame, DeviceFrame)
    pipe = ColorPipe.open(None, file_format="exr")
    grey = pipe.grey_picture(pixels)
    assert grey is not None
    large = frame.put_on(grey, chroma=0.8, blackens=True, beauty=True)
    same = frame.enlarge(roll_off(pipe.lightness(pixels)), chroma=0.8, blackens=True)
    assert large.rgb is not None
    assert {array.dtype for array in (large.rgb, large.ab, large.confidence, large.tracked)} == {np.dtype(np.float16)}
    for found, expected in (
        (large.ab, same.ab),
        (large.confidence, same.confidence),
        (large.tracked, same.tracked),
        (large.rgb, pipe.composite(pixels, same.ab)),
    ):
        np.testing.assert_allclose(found.astype(np.float32), expected, rtol=6e-4, atol=1e-4)  # a step of half
    assert frame.put_on(grey, chroma=0.8, blackens=True, beauty=False).rgb is None


@pytest.mark.parametrize(
    "settings", [{"exact": True}, {"flow": False}, {"radius": 5}, {"tracking": "none"}, {"tracking": "instance+dense"}]
)
def test_settings_that_only_arrays_can_compute_take_that_path(settings: dict[str, object]) -> None:
    method = Method(**{"tracking": "dense", **settings})  # type: ignore[arg-type]
    colors = Propagator(registry.build("standard", device="cpu"), method, device=CPU, tensors=True)
    assert colors._device_spans is None


def test_small_pictures_take_the_path_on_arrays() -> None:
    scene = pan(3, height=40, width=60)
    here, there = (color(scene, [0], tensors=tensors) for tensors in (False, True))
    for frame in here:
        np.testing.assert_array_equal(here[frame].ab, there[frame].ab)
