"""The standard model's features: shape, normalisation, and their response to motion."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.errors import ModelError
from stcolor_core.method.features import standard
from stcolor_core.method.features.standard import RAW_CHANNELS, StandardFeatures


@pytest.fixture(scope="module")
def features() -> StandardFeatures:
    return StandardFeatures("cpu")


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        pytest.param((64, 96), (16, 24), id="whole cells"),
        pytest.param((54, 97), (14, 25), id="odd"),
        pytest.param((101, 30), (26, 8), id="portrait"),
        pytest.param((3, 200), (1, 50), id="a strip"),
    ],
)
def test_grid_is_a_quarter_of_any_size_rounded_up(
    features: StandardFeatures, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    assert features.target(texture(*size)).shape[1:] == grid


def test_features_have_unit_length_and_are_centred(features: StandardFeatures) -> None:
    values = features.target(texture(80, 112))
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.norm(dim=0), torch.ones(20, 28))
    assert values.mean(dim=(1, 2)).norm() < 0.02  # the final unit length moves the mean off zero a little


def test_the_same_picture_gives_the_same_bits(features: StandardFeatures) -> None:
    picture = texture(61, 75)
    assert torch.equal(features.target(picture), features.target(picture.clone()))
    assert torch.equal(features.target(picture), StandardFeatures("cpu").target(picture))


def test_target_and_reference_have_the_same_features_and_colour_is_ignored(features: StandardFeatures) -> None:
    picture = texture(48, 64)
    theta, phi = features.both(picture)
    assert theta is phi
    assert torch.equal(features.reference(picture, torch.rand(2, 48, 64)), theta)
    assert torch.equal(features.target(picture), theta)


def test_each_level_is_sampled_at_the_cells_bilinearly() -> None:
    maps = torch.rand(2, 5, 11, 18, generator=torch.Generator().manual_seed(2))
    for pitch, grid in ((6 / 32, (54, 96)), (1.5, (7, 12)), (0.75, (1, 1))):
        y, x = (
            2 * pitch * (torch.arange(count) + 0.5) / size - 1 for count, size in zip(grid, maps.shape[2:], strict=True)
        )
        points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).expand(2, -1, -1, -1)
        expected = F.grid_sample(maps, points, padding_mode="border", align_corners=False)
        torch.testing.assert_close(standard._sample_at_cells(maps, pitch, grid), expected, rtol=0, atol=1e-5)


def test_projecting_level_by_level_equals_projecting_the_raw_features() -> None:
    network = standard.load_matching_net(standard.WEIGHTS)
    picture = texture(61, 75)[None]
    projected = torch.einsum("cr,nrhw->nchw", network.projection, standard.raw_features(network.backbone, picture))
    expected = F.normalize(projected - projected.mean(dim=(2, 3), keepdim=True), dim=1)
    torch.testing.assert_close(network(picture), expected, rtol=0, atol=1e-5)


def test_features_shift_with_the_picture(features: StandardFeatures) -> None:
    picture = texture(256, 320)
    values = features.target(picture)
    for cells in (4, 8):
        moved = features.target(torch.roll(picture, (4 * cells, -4 * cells), dims=(0, 1)))
        expected = torch.roll(values, (cells, -cells), dims=(1, 2))[:, 20:-20, 20:-20].flatten(1)
        correlation = expected.T @ moved[:, 20:-20, 20:-20].flatten(1)
        assert torch.equal(correlation.argmax(dim=1), torch.arange(correlation.shape[0]))
        assert (
            correlation.diagonal().mean() > 0.9
        )  # not 1: the network sees the seam, and steps by 21 px at its deepest


def test_a_position_is_matched_after_a_change_of_brightness(features: StandardFeatures) -> None:
    picture = texture(96, 128)
    theta, phi = features.target(0.7 * picture + 20).flatten(1), features.reference(picture).flatten(1)
    found = (theta.T @ phi).argmax(dim=1) == torch.arange(theta.shape[1])
    assert found.float().mean() > 0.9


@pytest.mark.parametrize("size", [pytest.param((1, 1), id="one pixel"), pytest.param((40, 56), id="flat")])
def test_a_uniform_picture_gives_finite_features(features: StandardFeatures, size: tuple[int, int]) -> None:
    for lightness in (0.0, 50.0, 100.0):
        assert features.target(torch.full(size, lightness)).isfinite().all()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param({"projection": torch.ones(8, 7)}, id="another version"),
        pytest.param({"other": torch.ones(8, RAW_CHANNELS)}, id="another key"),
        pytest.param(b"{}", id="damaged"),
    ],
)
def test_wrong_weights_are_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, Tensor] | bytes | None
) -> None:
    path = tmp_path / "features.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file(content, path)
    monkeypatch.setattr(standard, "WEIGHTS", path)
    with pytest.raises(ModelError, match=r"features\.safetensors .*Reinstall stcolor\.$") as caught:
        StandardFeatures("cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3, 8, 8), (0, 8), (8,)])
def test_an_array_that_is_not_a_picture_is_refused(features: StandardFeatures, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="lightness must be"):
        features.target(torch.zeros(shape))


def texture(height: int, width: int) -> Tensor:
    """Seeded noise of several sizes, 0..100."""
    generator = torch.Generator().manual_seed(5)
    layers = [
        F.interpolate(torch.rand(1, 1, -(-height // s) + 1, -(-width // s) + 1, generator=generator), (height, width))
        for s in (32, 8, 2)
    ]
    return (sum(layers, start=torch.zeros(1)) * (100 / len(layers)))[0, 0]
