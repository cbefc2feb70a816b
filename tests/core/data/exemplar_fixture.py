"""Run the exemplar networks with seeded weights on two small pictures, and write exemplar_40x48.npz.

The weights are made as for the golden vectors (their digests are below), so that a clone without the golden folder can
test the code with this small file. Run from the repository's root:
    PYTHONPATH=. python tests/core/data/exemplar_fixture.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from stcolor_core.method.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures, srgb_from_lab
from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement

FIXTURE = Path(__file__).with_name("exemplar_40x48.npz")
SEEDS = {VGG19: 1001, CorrespondenceNet: 1002, ColorNet: 1003}
SHA256 = {
    VGG19: "d71a3f1c43032aba16404364ec67c7f56926b621038d4a77a319ad705c8f4562",
    CorrespondenceNet: "41437cecf4e74d932592893c18aa1a11e909f7b5817b9a03c52b76dbbe2e25b4",
    ColorNet: "d2d8d1cb0c95da68d7b57c8f25ac131e50c7c863390cfafddbf1e9e9cabfe273",
}


def seeded_state(kind: type[nn.Module]) -> dict[str, torch.Tensor]:
    """Weights drawn in sorted order from one legacy numpy stream, whose numbers never change."""
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in kind().state_dict().items()}
    stream = np.random.RandomState(SEEDS[kind])
    state = {}
    for key in sorted(shapes):
        values = stream.standard_normal(shapes[key])
        if len(shapes[key]) == 4:
            values *= np.sqrt(2 / np.prod(shapes[key][1:]))
            if key == "conv10_ab.weight":
                values = values * 0.02
        else:
            values = values * 0.05 + (0.25 if shapes[key] == (1,) else 0)
        state[key] = torch.from_numpy(values.astype(np.float32))
    return state


def sha256(state: dict[str, torch.Tensor]) -> str:
    checksum = hashlib.sha256()
    for key in sorted(state):
        checksum.update(state[key].numpy().astype("<f4").tobytes())
    return checksum.hexdigest()


def seeded(kind: type[nn.Module], dtype: torch.dtype = torch.float32) -> nn.Module:
    with torch.device("meta"):
        network = kind()
    network.load_state_dict(seeded_state(kind), strict=True, assign=True)
    return network.to(dtype).eval().requires_grad_(False)


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures, (3, 40, 48) of L*, a*, b*: a few soft waves and a little grain. 40 / 16 is not whole."""
    stream = np.random.RandomState(5)
    y, x = np.mgrid[0:40, 0:48]
    waves = stream.uniform(0.05, 0.5, (3, 6, 3))
    lab = np.sin(waves[..., 0, None, None] * y + waves[..., 1, None, None] * x + 12 * waves[..., 2, None, None]).sum(1)
    lab = lab * np.array([8, 10, 10])[:, None, None] + np.array([50, 0, 0])[:, None, None]
    lab = lab + stream.normal(0, 1, (3, 40, 48))
    first = torch.from_numpy(lab)
    return first, first.roll((2, 3), dims=(1, 2))


def outputs(vgg: VGG19, correspondence: CorrespondenceNet) -> dict[str, torch.Tensor]:
    """Return the features of the pictures after each stage."""
    target, reference = (picture.to(correspondence.theta.weight) for picture in pictures())
    features = ExemplarFeatures(vgg, correspondence)
    maps = list(vgg(srgb_from_lab(reference[0], reference[1:])[None]))
    return {
        "r52": maps[3][0],
        "branch5": correspondence.branches(maps)[3][0],
        "theta": features.target(target[0]),
        "phi": features.reference(reference[0], reference[1:]),
    }


def refined(color: ColorNet) -> dict[str, torch.Tensor]:
    """Return the refined colour of two frames: a first one, and a second that follows it."""
    target, reference = (picture.to(color.conv10_ab.weight) for picture in pictures())
    refinement = ExemplarRefinement(color)
    warped = F.interpolate(F.avg_pool2d(reference[1:], 4)[None], scale_factor=4)[0]
    first = refinement(lightness=target[0], warped_ab=warped, similarity=reference[0] / 100)
    second = refinement(
        lightness=reference[0],
        warped_ab=warped,
        similarity=target[0] / 100,
        previous_lightness=target[0],
        previous_ab=first,
    )
    return {"first_ab": first, "second_ab": second}


if __name__ == "__main__":
    vgg, correspondence, color = (seeded(kind, torch.float64) for kind in (VGG19, CorrespondenceNet, ColorNet))
    arrays = outputs(vgg, correspondence) | refined(color)
    np.savez_compressed(FIXTURE, **{name: values.numpy().astype(np.float32) for name, values in arrays.items()})
