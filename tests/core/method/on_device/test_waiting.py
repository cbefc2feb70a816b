"""How often a frame crosses between the computer and the device, and how often the device is waited for.

torch's fake tensors stand for those of a CUDA device: they have shapes and a device but no values, so that every
operator can be counted on a machine without a GPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scenes import pan
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from stcolor_core.images.color_pipe import GreyPicture
from stcolor_core.method import tensor_color, tensor_pictures
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.method.on_device import upsampling
from stcolor_core.method.on_device.transfers import Download
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.learned import LearnedRefinement
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

pytestmark = pytest.mark.slow

SCALE = 4  # of the plate to the working size
_WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "index"}


class Traffic(TorchDispatchMode):
    """Counts what would wait for the device, and the copies between it and the computer."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        tensors = [x for x in tree_flatten((args, kwargs or {}))[0] if isinstance(x, torch.Tensor)]
        on_device = any(x.device.type == "cuda" for x in tensors)
        masks = any(x.dtype == torch.bool for x in tensors[1:])
        if on_device and (name in _WAITING - {"index"} or (name == "index" and masks)):
            self.counts["waits"] += 1
        if name == "_local_scalar_dense":  # a fake tensor has no value: steady light
            return False
        result = func(*args, **(kwargs or {}))
        results = [x for x in tree_flatten(result)[0] if isinstance(x, torch.Tensor)]
        places = {x.device.type for x in (*tensors, *results)}
        if name in ("_to_copy", "copy_") and places == {"cpu", "cuda"}:
            way = "uploads" if results[0].device.type == "cuda" else "downloads"
            self.counts[way] += 1
            self.counts[f"bytes of {way}"] += results[0].numel() * results[0].element_size()
        self.counts["operators"] += 1
        return result


class Kept(dict[int, object]):
    """A `Scratch` in memory: fake tensors cannot be written to disk."""

    def save(self, name: str, frame: int, value: object, *, of: int = 1) -> None:  # noqa: ARG002
        self[frame] = value

    def take(self, name: str, frame: int, *_: object, **__: object) -> object:  # noqa: ARG002
        return self.pop(frame)


@pytest.fixture
def fake() -> Iterator[FakeTensorMode]:
    constants = (
        tensor_pictures.pixel_grid,
        tensor_pictures._gaussian,
        tensor_pictures._area_weights,
        upsampling._window,
        tensor_color._rgb_from_xyz,
    )
    for constant in constants:
        constant.cache_clear()
    yield FakeTensorMode(allow_non_fake_inputs=True)
    for constant in constants:
        constant.cache_clear()


def move(network: nn.Module, fake: FakeTensorMode) -> None:
    """Replace a network's weights by fake ones on a CUDA device."""
    for module in network.modules():
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = nn.Parameter(fake.from_tensor(value.data).to("cuda"), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = fake.from_tensor(buffer).to("cuda")


@pytest.mark.parametrize("references", [[0], [0, 9]])
def test_a_frame_is_uploaded_once_at_each_size_and_comes_back_once(
    fake: FakeTensorMode, monkeypatch: pytest.MonkeyPatch, references: list[int]
) -> None:
    scene, device = pan(10), torch.device("cuda")
    height, width = scene.lightnesses[0].shape
    model = registry.build("standard", device="cpu")
    with fake, Traffic() as traffic:
        features, refinement = model.features, model.refinement
        assert isinstance(features, StandardFeatures)
        assert isinstance(refinement, LearnedRefinement)
        assert refinement.confidence_head is not None
        for network in (features._network, refinement.network, refinement.confidence_head):
            move(network, fake)
        features._device = refinement._device = device
        propagator = Propagator(model, Method(tracking="dense"), device=device)
        assert propagator._device_spans is not None
        monkeypatch.setattr(propagator._device_spans, "_batch", 2)
        transfers = propagator._device_spans._transfers
        monkeypatch.setattr(transfers, "_stream", None)  # a stream needs a real device

        def wait(download: Download) -> list[np.ndarray]:
            traffic.counts["waits"] += 1
            return [np.zeros(shape, kind) for shape, kind in download.layout]

        monkeypatch.setattr(Download, "wait", wait)
        (span,) = [span for span in plan(range(10), references, []) if len(span.frames) > 3]
        by_frame: list[Counter[str]] = []
        for frame in propagator.color_in_place(span, scene, Kept()):  # type: ignore[arg-type]
            plate = GreyPicture(np.zeros((SCALE * height, SCALE * width), np.float32), "srgb", 1.0)
            frame.put_on(plate, chroma=1.0, blackens=True, beauty=True)  # type: ignore[union-attr]
            by_frame.append(Counter(traffic.counts))
    first, last = by_frame[1], by_frame[3]  # a batch of two frames; constants are uploaded with the first one
    crossings = {name: last[name] - first[name] for name in ("uploads", "downloads", "waits")}
    tracks = 2 * (len(references) - 1)  # flow and visibility to the later keyframe
    # L* at working size and the plate; one wait for each result, and one a batch for changes of light
    assert crossings == {"uploads": 2 * (2 + tracks), "downloads": 2, "waits": 3}
    # up: the plate's one channel, L* and the tracks at working size. Down: R, G, B, a*, b* and two confidences in half
    # precision at plate size; the keyframe's number and the flow to it at working size, and two numbers
    pixels, plate = height * width, SCALE**2 * height * width
    crossed = {way: (last[f"bytes of {way}"] - first[f"bytes of {way}"]) / 2 for way in ("uploads", "downloads")}
    assert crossed == {
        "uploads": 4 * plate + 4 * pixels + 4 * 3 * tracks / 2 * pixels,
        "downloads": 2 * 7 * plate + 4 * 3 * pixels + 4 * 2,
    }
