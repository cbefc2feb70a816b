"""LPIPS and FID, for which the user adds the networks' weights (`stcolor models add`); left out without them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models import alexnet

from stcolor_core.arrays import Image
from stcolor_core.evaluation.metrics import eight_bit
from stcolor_core.models.perceptual import FidInception, LpipsHeads, perceptual_distance
from stcolor_core.models.registry import ENTRIES, load_network
from stcolor_core.models.weight_files import installed

__all__ = ["frechet_distance", "has_weights", "inception_features", "lpips"]


def has_weights(measure: str) -> bool:
    """Return whether the weights of a measure were added.

    Args:
        measure: "lpips" or "fid".
    """
    return set(installed()).issuperset(ENTRIES[measure].weights)


@torch.no_grad()
def lpips(truth: Image, picture: Image, *, device: torch.device) -> float:
    """Return LPIPS, version 0.1 on AlexNet, of the 8-bit pictures (Zhang et al. 2018, arXiv 1801.03924); 0 is equal.

    Args:
        truth: Display RGB, (H, W, 3), 0..1; at least 63 px high and wide.
        picture: The result, like `truth`.
        device: Device of the network.

    Raises:
        ModelError: If the weights are missing or damaged.
    """
    features, heads = _lpips_networks(str(device))
    return float(perceptual_distance(features, heads, _tensor(truth, device), _tensor(picture, device)))


@torch.no_grad()
def inception_features(picture: Image, *, device: torch.device) -> NDArray[np.float32]:
    """Return the features that `frechet_distance` compares, (2048,), of the 8-bit picture at 299 x 299.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        device: Device of the network.

    Raises:
        ModelError: If the weights are missing or damaged.
    """
    features: NDArray[np.float32] = _inception(str(device))(_tensor(picture, device))[0].cpu().numpy()
    return features


def frechet_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the Fréchet distance of two sets of features (FID, Heusel et al. 2017, arXiv 1706.08500).

    |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), with means m and covariances S. With few pictures it is large and
    depends on their number: compare only figures of the same frames.

    Args:
        one: N features, (N, C); N at least 2.
        other: M features, (M, C); M at least 2.

    Returns:
        The distance; NaN with fewer features.
    """
    if min(len(one), len(other)) < 2:
        return float("nan")
    means = [np.mean(features, axis=0, dtype=np.float64) for features in (one, other)]
    centred = [
        (features - mean) / np.sqrt(len(features) - 1) for features, mean in zip((one, other), means, strict=True)
    ]
    # S = X^T X, so the root's trace is the sum of the singular values of X1 X2^T, which is N x M and not C x C.
    root = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    spread = sum(float(np.square(features).sum()) for features in centred)
    return float(np.square(means[0] - means[1]).sum() + spread - 2 * root)


@lru_cache(maxsize=1)
def _lpips_networks(device: str) -> tuple[torch.nn.Sequential, LpipsHeads]:
    return load_network(alexnet, "alexnet", device).features, load_network(LpipsHeads, "lpips_alex", device)


@lru_cache(maxsize=1)
def _inception(device: str) -> FidInception:
    return load_network(FidInception, "fid_inception", device)


def _tensor(picture: Image, device: torch.device) -> torch.Tensor:
    return torch.from_numpy((eight_bit(picture) / 255).astype(np.float32)).permute(2, 0, 1)[None].to(device)
