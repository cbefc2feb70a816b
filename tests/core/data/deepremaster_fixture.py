"""Run DeepRemaster's colour network with seeded weights on small pictures, and write deepremaster_16x32.npz.

Weights and pictures are drawn by a rule (`seeded_state`, `pictures`), so that the file holds outputs only. The network
was checked against vectors of the published code with weights by the same rule ($STCOLOR_GOLDEN). Run from the
repository's root:
    PYTHONPATH=. python tests/core/data/deepremaster_fixture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from stcolor_core.models.deepremaster import DeepRemasterColorNet

FIXTURE = Path(__file__).with_name("deepremaster_16x32.npz")


def seeded_state(seed: int = 2001) -> dict[str, torch.Tensor]:
    """Weights drawn in sorted order from one legacy numpy stream, whose numbers never change."""
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in DeepRemasterColorNet().state_dict().items()}
    stream = np.random.RandomState(seed)
    state = {}
    for key in sorted(shapes):
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(0)
            continue
        z = stream.standard_normal(shapes[key])
        if key.endswith("running_var"):
            values = 1 + 0.1 * np.abs(z)
        elif key.endswith("gamma"):
            values = 0.5 + 0.1 * z
        elif z.ndim == 5:
            values = z * np.sqrt(2 / np.prod(z.shape[1:]))
        elif key.endswith("weight"):
            values = 1 + 0.1 * z
        else:  # biases and running means
            values = 0.05 * z
        state[key] = torch.from_numpy(np.asarray(values, np.float32))
    return state


def seeded(dtype: torch.dtype = torch.float32) -> DeepRemasterColorNet:
    with torch.device("meta"):
        network = DeepRemasterColorNet()
    network.load_state_dict(seeded_state(), strict=True, assign=True)
    return network.to(dtype).eval().requires_grad_(False)


def pictures(frames: int, references: int, *, size: tuple[int, int], reference_size: tuple[int, int], seed: int = 2002):
    """Luminance (1, 1, T, H, W) and references (1, 3, R, h, w), both 0..1."""
    stream = np.random.RandomState(seed)
    luminance = stream.uniform(0, 1, (1, 1, frames, *size)).astype(np.float32)
    colored = stream.uniform(0, 1, (1, references, 3, *reference_size)).astype(np.float32)
    return torch.from_numpy(luminance), torch.from_numpy(colored).transpose(1, 2)


def outputs(network: DeepRemasterColorNet) -> dict[str, np.ndarray]:
    dtype = network.conv2.conv3d.weight.dtype
    luminance, references = (part.to(dtype) for part in pictures(2, 1, size=(16, 32), reference_size=(32, 16)))
    return {
        "with_references": network(luminance, references).numpy().astype(np.float32),
        "without_references": network(luminance).numpy().astype(np.float32),
    }


if __name__ == "__main__":
    np.savez_compressed(FIXTURE, **outputs(seeded(torch.float64)))
