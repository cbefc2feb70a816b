"""Convolutions by Winograd's filtering, against torch's in double precision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method import sharing, winograd
from stcolor_core.method.winograd import WinogradConv, apply_convolution, prepare_network

TOLERANCE = 1e-5  # of the range of the results; float32's own rounding is 1e-6


def make_layer(channels: int, **settings: object) -> nn.Conv2d:
    torch.manual_seed(5)
    return nn.Conv2d(channels, channels + 3, 3, **settings).requires_grad_(False)  # type: ignore[arg-type]


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(6))


@pytest.mark.parametrize("size", [(1, 1), (4, 8), (13, 24), (27, 5), (6, 7)])
@pytest.mark.parametrize(
    "settings",
    [
        {"padding": 1},
        {"padding": 2, "dilation": 2},
        {"padding": 3, "dilation": 3},
        {"padding": 1, "bias": False},
        {"padding": 1, "padding_mode": "reflect"},
    ],
    ids=lambda settings: ", ".join(f"{name} {value}" for name, value in settings.items()),
)
def test_the_result_is_that_of_a_direct_convolution(settings: dict[str, object], size: tuple[int, int]) -> None:
    if settings.get("padding_mode") == "reflect" and min(size) < 2:
        pytest.skip("a picture of one pixel has nothing to reflect")
    layer, x = make_layer(16, **settings), noise(2, 16, *size)
    expected = layer.double()(x.double())
    found = WinogradConv(layer.float())(x)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()


def test_a_layer_without_padding_gives_a_smaller_result() -> None:
    layer, x = make_layer(8), noise(1, 8, 12, 9)
    torch.testing.assert_close(WinogradConv(layer)(x), layer(x), rtol=0, atol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (4, 8), (13, 7)])
def test_a_layer_after_an_upsampling_takes_the_map_before_it(size: tuple[int, int], bias: bool) -> None:
    layer, x = make_layer(16, padding=1, bias=bias), noise(2, 16, *size)
    expected = layer.double()(F.interpolate(x.double(), scale_factor=2))
    found = WinogradConv(layer.float(), upsampled=True)(x)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()


@pytest.mark.parametrize("rows", [(0, 4), (4, 10), (6, 13), (12, 13), (0, 13)])
def test_some_rows_are_those_of_the_whole(rows: tuple[int, int]) -> None:
    layer, x = make_layer(8, padding=1), noise(1, 8, 13, 9).contiguous(memory_format=torch.channels_last)
    for kind in (layer, WinogradConv(layer)):
        whole, found = apply_convolution(kind, x, "relu"), apply_convolution(kind, x, "relu", rows)
        torch.testing.assert_close(found, whole[:, :, slice(*rows)], rtol=0, atol=1e-5)
    upsampled = WinogradConv(layer, upsampled=True)
    torch.testing.assert_close(upsampled(x, rows=rows), upsampled(x)[:, :, slice(*rows)], rtol=0, atol=1e-5)


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("dilation", [1, 2])
def test_strips_give_the_same_as_the_whole_and_a_second_thread_changes_no_bit(
    dilation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = WinogradConv(make_layer(16, padding=dilation, dilation=dilation))
    x = noise(1, 16, 43, 30)
    whole = layer(x)
    monkeypatch.setattr(winograd, "_ELEMENTS", 500)
    strips = layer(x)
    torch.testing.assert_close(strips, whole, rtol=0, atol=1e-5)
    monkeypatch.setattr(sharing, "_helper", None)  # nobody may ask for it
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert torch.equal(layer(x), strips)


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("height", [1, 7, 8, 43])
def test_a_large_map_is_convolved_directly_in_strips_and_a_second_thread_changes_no_bit(
    height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = make_layer(8, padding=1), noise(2, 8, height, 30).contiguous(memory_format=torch.channels_last)
    whole = apply_convolution(layer, x, "relu")
    monkeypatch.setattr(winograd, "_SHARED", 1)
    shared: list[int] = []
    share = winograd.share
    monkeypatch.setattr(winograd, "share", lambda function, items: share(function, shared.extend(items) or shared))
    strips = apply_convolution(layer, x, "relu")
    assert len(shared) == min(4, -(-height // 2))
    assert strips.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(strips, whole, rtol=0, atol=1e-5)
    monkeypatch.setattr(sharing, "_helper", None)  # nobody may ask for it
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert torch.equal(apply_convolution(layer, x, "relu"), strips)


def test_double_precision_is_kept() -> None:
    layer, x = make_layer(8, padding=1).double(), noise(1, 8, 12, 9).double()
    torch.testing.assert_close(WinogradConv(layer)(x), layer(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
def test_the_activation_follows_either_kind_of_layer(activation: str) -> None:
    layer, x = make_layer(8, padding=1), 10 * noise(1, 8, 12, 9).contiguous(memory_format=torch.channels_last)
    applied = {"none": lambda values: values, "relu": F.relu, "relu6": F.relu6}[activation](layer(x))
    for kind in (layer, WinogradConv(layer)):
        found = apply_convolution(kind, x, activation)  # type: ignore[arg-type]
        torch.testing.assert_close(found, applied, rtol=0, atol=1e-3)
        assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(4, 4, 3, stride=2), nn.Conv2d(4, 4, 5), nn.Conv2d(4, 4, 3, groups=2)], ids=str
)
def test_other_layers_are_refused_and_left_alone(layer: nn.Conv2d) -> None:
    with pytest.raises(ValueError, match="3 x 3"):
        WinogradConv(layer)
    network = prepare_network(nn.Sequential(layer), least=4)
    assert network[0] is layer


@pytest.mark.parametrize("settings", [{}, {"padding": 2, "dilation": 2}, {"padding": 1, "padding_mode": "reflect"}])
def test_of_an_upsampled_map_only_plain_layers_are_taken(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="3 x 3"):
        WinogradConv(make_layer(4, **settings), upsampled=True)


def test_the_layers_are_chosen_by_their_channels_and_by_name() -> None:
    def stack() -> nn.Sequential:
        return nn.Sequential(*(nn.Conv2d(*channels, 3, padding=1) for channels in ((4, 8), (8, 8), (8, 2), (2, 2))))

    network = nn.Sequential(stack(), stack()).requires_grad_(False)
    prepare_network(network, least=8, direct=("1.1",), upsampled=("1.3",))
    plain, fast = nn.Conv2d, WinogradConv
    assert [[type(layer) for layer in part] for part in network] == [
        [fast, fast, plain, plain],
        [fast, plain, plain, fast],
    ]
    x = noise(1, 2, 5, 7)
    assert network[1][3](x).shape == (1, 2, 10, 14)


def test_a_prepared_network_gives_the_same_and_lets_go_of_its_own_weights() -> None:
    torch.manual_seed(7)
    network = nn.Sequential(
        nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Sequential(nn.Conv2d(16, 16, 3, padding=1)), nn.Conv2d(16, 2, 1)
    ).requires_grad_(False)
    x = noise(1, 4, 20, 14)
    expected = network(x)
    mapped = torch.cat([values.flatten() for values in network.parameters()])  # as from one file of weights
    for values, part in zip(network.parameters(), mapped.split([v.numel() for v in network.parameters()]), strict=True):
        values.data = part.view_as(values)
    prepared = prepare_network(network, least=16)
    torch.testing.assert_close(prepared(x), expected, rtol=0, atol=1e-4)
    kinds = [type(layer) for layer in prepared.modules() if not isinstance(layer, nn.Sequential | nn.ReLU)]
    assert kinds == [nn.Conv2d, WinogradConv, nn.Conv2d]
    kept = [*prepared.parameters(), *prepared.buffers()]
    assert all(values.untyped_storage().nbytes() == values.numel() * values.element_size() for values in kept)
    assert sum(values.numel() for values in kept) == mapped.numel() - 9 * 16 * 16 + 16 * 16 * 16
