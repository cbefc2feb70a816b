"""LPIPS and FID with seeded networks, against computations that share no code with them. No weights are needed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision
from scipy.linalg import sqrtm
from torch.nn import functional as F

from stcolor_core.evaluation import perceptual
from stcolor_core.evaluation.perceptual import frechet_distance, has_weights, inception_features, lpips
from stcolor_core.models.perceptual import FidInception

CPU = torch.device("cpu")
rng = np.random.default_rng(0)
TRUTH = rng.integers(0, 256, (70, 90, 3)).astype(np.float32) / 255
PICTURE = np.clip(TRUTH + rng.normal(0, 0.1, TRUTH.shape), 0, 1).astype(np.float32)
PICTURE = np.rint(255 * PICTURE) / np.float32(255)
NETWORKS: dict[str, torch.nn.Module] = {}


def seeded(kind, weights: str, device: str) -> torch.nn.Module:  # noqa: ARG001 - load_network's signature
    if weights not in NETWORKS:
        torch.manual_seed(len(weights))
        network = kind().eval().requires_grad_(False)
        for key, value in network.state_dict().items():
            if key.endswith(("conv.weight", "model.1.weight")):
                value.copy_(torch.randn_like(value) * math.sqrt(2 / value[0].numel()))
        NETWORKS[weights] = network
    return NETWORKS[weights]


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "load_network", seeded)
    monkeypatch.setattr(perceptual, "installed", lambda: ["alexnet", "lpips_alex", "fid_inception"])
    perceptual._lpips_networks.cache_clear()
    perceptual._inception.cache_clear()


@pytest.mark.slow
def test_lpips_is_the_weighted_distance_of_the_unit_features_after_each_relu() -> None:
    measured = lpips(TRUTH, PICTURE, device=CPU)
    layers: list[np.ndarray] = []
    alexnet = NETWORKS["alexnet"]
    for layer in alexnet.features:
        if isinstance(layer, torch.nn.ReLU):
            # a copy: AlexNet's ReLUs work in place, and so do not keep what they were given
            layer.register_forward_hook(lambda _, __, output: layers.append(output.detach().clone().double().numpy()))
    mean, std = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    for picture in (TRUTH, PICTURE):
        scaled = (2 * picture.astype(np.float64) - 1 - mean) / std
        alexnet.features(torch.from_numpy(scaled.transpose(2, 0, 1)[None].astype(np.float32)))
    expected = 0.0
    for index in range(5):
        x, y = (features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-10) for features in layers[index::5])
        weights = getattr(NETWORKS["lpips_alex"], f"lin{index}").model[1].weight.double().numpy()
        expected += ((x - y) ** 2 * weights[:, :, :]).sum(axis=1).mean()
    assert len(layers) == 10
    assert measured == pytest.approx(expected, rel=1e-4)
    assert lpips(TRUTH, TRUTH, device=CPU) == 0


@pytest.mark.slow
def test_the_features_of_the_fid_are_torchvisions_with_pools_that_ignore_the_border(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = inception_features(PICTURE, device=CPU)
    plain = torchvision.models.inception_v3(
        weights=None, num_classes=1008, aux_logits=False, init_weights=False, transform_input=False
    )
    plain.load_state_dict(NETWORKS["fid_inception"].state_dict(), strict=True)
    pooled: list[torch.Tensor] = []
    plain.eval().avgpool.register_forward_hook(lambda _, __, output: pooled.append(output))
    average, calls = F.avg_pool2d, []

    def pool(x: torch.Tensor, **_: int) -> torch.Tensor:
        calls.append(x.shape[1])
        if len(calls) == 9:  # the last block
            return F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
        return average(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)

    monkeypatch.setattr(torchvision.models.inception.F, "avg_pool2d", pool)
    scaled = F.interpolate(torch.from_numpy(PICTURE.transpose(2, 0, 1)[None]), (299, 299), mode="bilinear")
    with torch.no_grad():
        plain(2 * scaled - 1)
    assert len(calls) == 9
    assert isinstance(NETWORKS["fid_inception"], FidInception)
    np.testing.assert_allclose(measured, pooled[0].flatten().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [200, 5])
def test_the_frechet_distance_is_its_definition(count: int) -> None:
    one = rng.normal(0, 1, (200, 8)) @ rng.normal(0, 1, (8, 8))
    other = rng.normal(0.3, 2, (count, 8))
    s1, s2 = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    shift = np.square(one.mean(0) - other.mean(0)).sum()
    expected = shift + np.trace(s1 + s2 - 2 * np.real(sqrtm(s1 @ s2 + 1e-12 * np.eye(8))))
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert math.isnan(frechet_distance(one, other[:1]))


def test_without_their_weights_the_measures_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_weights("lpips")
    monkeypatch.setattr(perceptual, "installed", lambda: ["alexnet"])
    assert not has_weights("lpips")
    assert not has_weights("fid")
