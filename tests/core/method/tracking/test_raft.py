"""RAFT in place of DIS. Its published weights are not at hand: the network is seeded, or a real flow stands in it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large, raft_small

from stcolor_core.errors import ModelError
from stcolor_core.method.on_device.tracker import TensorTracker
from stcolor_core.method.tracking.flow import FlowTracker
from stcolor_core.method.tracking.raft import RaftFlow
from stcolor_core.method.tracking.tensor_flow import FINE, dense_inverse_search
from stcolor_core.models import registry


class SearchAsRaft(nn.Module):
    """Dense inverse search under the calling convention of torchvision's RAFT: (N, 3, H, W), -1..1, a list of flows."""

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        assert all(side >= 128 and side % 8 == 0 for side in first.shape[-2:])
        assert first.shape[1] == 3
        assert first.abs().max() <= 1
        grey = ((picture[:, 0] + 1) * 127.5 for picture in (first, second))
        return [torch.zeros_like(first[:, :2]), dense_inverse_search(*grey, settings=FINE)]


def scene(width: int) -> np.ndarray:
    noise = np.random.RandomState(3).uniform(0, 1, (100, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(100 * (smooth - smooth.min()) / np.ptp(smooth), np.float32)


def seeded() -> nn.Module:
    torch.manual_seed(0)
    return raft_small().eval()


def test_any_size_is_padded_for_the_network_and_its_last_estimate_is_taken() -> None:
    network = seeded()
    pictures = torch.from_numpy(np.stack([scene(150), np.roll(scene(150), 5, axis=1)])) * 2.55
    flow = RaftFlow(network, "cpu")(pictures[:1], pictures[1:])
    assert flow.shape == (1, 2, 100, 150)
    rows, columns = torch.arange(128).clamp(max=99), torch.arange(152).clamp(max=149)
    padded = (pictures[:, rows][:, :, columns] / 127.5 - 1)[:, None].repeat(1, 3, 1, 1)
    with torch.no_grad():
        expected = network(padded[:1], padded[1:])[-1][..., :100, :150]
    assert torch.equal(flow, expected)


def test_arrays_give_what_tensors_give() -> None:
    flow = RaftFlow(seeded(), "cpu")
    first, second = ((2.55 * picture).astype(np.uint8) for picture in (scene(150), np.roll(scene(150), 5, axis=1)))
    start = np.full((100, 150, 2), (3, -1), np.float32)
    pictures = [torch.from_numpy(picture)[None].float() for picture in (first, second)]
    expected = flow(*pictures, torch.from_numpy(start).permute(2, 0, 1)[None])
    np.testing.assert_array_equal(flow.between_arrays(first, second, start), expected[0].permute(1, 2, 0).numpy())
    unstarted = flow.between_arrays(first, second, None)
    np.testing.assert_array_equal(unstarted, flow(*pictures)[0].permute(1, 2, 0).numpy())


def test_a_start_leads_where_the_network_alone_does_not_reach() -> None:
    wide = torch.from_numpy(scene(340))[None] * 2.55
    target, reference = wide[..., 130:290], wide[..., 20:180]  # 110 px apart
    flow = RaftFlow(SearchAsRaft(), "cpu")
    inside = (..., slice(16, -16), slice(4, 40))
    start = torch.tensor([108.0, 1.0])[None, :, None, None].expand(1, 2, 100, 160)
    error = flow(target, reference, start) - torch.tensor([110.0, 0.0])[None, :, None, None]
    assert error[inside].norm(dim=1).median() < 0.2
    alone = flow(target, reference) - torch.tensor([110.0, 0.0])[None, :, None, None]
    assert alone[inside].norm(dim=1).median() > 5


def test_both_trackers_follow_a_pan_with_it() -> None:
    wide, flow = scene(240), RaftFlow(SearchAsRaft(), "cpu")
    frames = [wide[:, 3 * t : 3 * t + 128].copy() for t in range(9)]
    on_arrays = FlowTracker(frames[0], flow=flow.between_arrays)
    links = [on_arrays.advance(frame) for frame in frames[1:]]
    on_tensors = TensorTracker(torch.from_numpy(frames[0]), flow=flow, follows_light=False)
    pairs = on_tensors.advance(torch.from_numpy(np.stack(frames[1:])), 8)
    for step, (link, (there, *_)) in enumerate(zip(links, pairs, strict=True), start=1):
        expected = np.array([3 * step, 0])
        for displacement in (link.displacement, there.displacement.permute(1, 2, 0).numpy()):
            error = np.linalg.norm(displacement[16:-16, 16:80] - expected, axis=-1)
            assert np.percentile(error, 90) < 0.5
        assert min(link.visibility[16:-16, 16:80].mean(), there.visibility[16:-16, 16:80].mean()) > 0.9


@pytest.mark.parametrize("name, kind", [("raft_small", raft_small), ("raft_large", raft_large)])
def test_published_weights_are_recognised_built_and_part_of_the_digest(tmp_path, monkeypatch, name, kind) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "models"))
    for ask in (
        lambda: registry.digest("standard", optical_flow=name),
        lambda: registry.build("standard", device="cpu", optical_flow=name),
    ):
        with pytest.raises(ModelError, match=rf"stcolor models add {name}_C_T_\w+-[0-9a-f]{{8}}\.pth") as error:
            ask()
        assert "\n" not in str(error.value)
    torch.manual_seed(1)
    network = kind().eval()
    torch.save(network.state_dict(), tmp_path / "file.pth")
    assert [added.name for added in registry.add([tmp_path / "file.pth"])] == [name]
    assert registry.digest("standard", optical_flow=name) != registry.digest("standard")
    model = registry.build("standard", device="cpu", optical_flow=name)
    pictures = torch.from_numpy(np.stack([scene(128), np.roll(scene(128), 5, axis=1)])) * 2.55
    assert model.flow is not None
    assert torch.equal(model.flow(pictures[:1], pictures[1:]), RaftFlow(network, "cpu")(pictures[:1], pictures[1:]))
    assert registry.build("standard", device="cpu").flow is None
