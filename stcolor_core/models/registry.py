"""Look up models by name: their features, their refinement and the weights on disk that they need.

Nothing is ever downloaded: published weights are added by hand (`weight_files`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stcolor_core.errors import BadRequest
from stcolor_core.models.weight_files import (
    AddedModel,
    add,
    checksum,
    folder,
    installed,
    load_weights,
    missing,
    recorded_checksum,
    verify,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stcolor_core.method.model import Model
    from stcolor_core.method.refinement import Refinement
    from stcolor_core.method.tracking.raft import RaftFlow
    from stcolor_core.shots.settings import OpticalFlow

__all__ = [
    "ENTRIES",
    "AddedModel",
    "ModelInfo",
    "RegistryEntry",
    "add",
    "build",
    "digest",
    "folder",
    "installed",
    "is_recurrent",
    "list_models",
    "load_network",
    "load_weights",
    "shipped_checksums",
    "verify",
    "weight_paths",
]

_SHIPPED = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A colour model, a detector for tracking, or a network that the evaluation uses.

    Attributes:
        name: Its name in the registry.
        summary: One line about it.
        licence: The licence of its weights.
        weights: Names of the weights that it needs in `folder()`.
        present: Whether all of these are there.
    """

    name: str
    summary: str
    licence: str
    weights: tuple[str, ...]
    present: bool


@dataclass(frozen=True, kw_only=True)
class RegistryEntry:
    """A row of the registry: a colour model, a detector, or a network that the evaluation uses.

    Attributes:
        summary: One line about it, for `stcolor models list`.
        licence: The licence of its weights.
        build: Builds the model on a device, with another refinement than its own if one is given. None for what is
            no colour model of a shot.
        weights: Names of the weights that the user adds (`weight_files`).
        shipped: File names of the weights that come with this package.
        recurrent: Whether its refinement is recurrent (`Refinement.recurrent`).
    """

    summary: str
    licence: str
    build: Callable[[torch.device | str, Refinement | None], Model] | None = None
    weights: tuple[str, ...] = ()
    shipped: tuple[str, ...] = ()
    recurrent: bool = False


def list_models() -> list[ModelInfo]:
    """Return all models, detectors and networks of the evaluation, with and without their weights."""
    present = set(installed())
    return [
        ModelInfo(
            name=name,
            summary=entry.summary,
            licence=entry.licence,
            weights=entry.weights,
            present=present.issuperset(entry.weights),
        )
        for name, entry in ENTRIES.items()
    ]


def weight_paths() -> list[Path]:
    """Return the files of all weights: those that come with this package, and those that were added."""
    return [*sorted(_SHIPPED.glob("*.safetensors")), *(folder() / f"{name}.safetensors" for name in installed())]


def is_recurrent(name: str) -> bool:
    """Return whether a frame's colour depends on the colour of the frame before it.

    The frames of a span are then coloured in one go.

    Args:
        name: The model's name; False for an unknown one.
    """
    return name in ENTRIES and ENTRIES[name].recurrent


def digest(name: str, *, optical_flow: OpticalFlow = "dis") -> str:
    """Return a digest of the weights that affect the model's pixels.

    Args:
        name: The model's name.
        optical_flow: The optical flow that it tracks frames with.

    Returns:
        16 hexadecimal digits.

    Raises:
        BadRequest: If there is no such model.
        ModelError: If its weights are missing.
    """
    weights = (*_require_weights(name), *_require_flow_weights(optical_flow))
    parts = [recorded_checksum(weight) for weight in weights]
    parts += shipped_checksums(name)
    return hashlib.sha256("\n".join([name, *parts]).encode()).hexdigest()[:16]


def shipped_checksums(name: str) -> list[str]:
    """Return the SHA-256 of the weights of an entry that come with this package, in hexadecimal digits.

    Args:
        name: The name of an entry, which need not be a model of its own.
    """
    return [checksum(_SHIPPED / file) for file in sorted(ENTRIES[name].shipped)]


def build(
    name: str,
    *,
    device: torch.device | str,
    refinement: Refinement | None = None,
    optical_flow: OpticalFlow = "dis",
) -> Model:
    """Return a colour model that is ready to run.

    Args:
        name: The model's name.
        device: The device of its networks.
        refinement: Replaces the model's own refinement, whose weights are then not read; None for the model's own.
        optical_flow: The optical flow that tracks frames.

    Raises:
        BadRequest: If there is no such model.
        ModelError: If its weights are missing or damaged.
    """
    entry = ENTRIES.get(name)
    if entry is None or entry.build is None:
        raise _unknown_model(name)
    model = entry.build(device, refinement)
    return replace(model, flow=_build_flow(optical_flow, device)) if optical_flow != "dis" else model


def _build_standard(device: torch.device | str, refinement: Refinement | None) -> Model:
    from stcolor_core.method.features.standard import TEMPERATURE, StandardFeatures
    from stcolor_core.method.model import Model
    from stcolor_core.method.refinement.learned import load_learned_refinement

    return Model(
        name="standard",
        features=StandardFeatures(device),
        refinement=refinement or load_learned_refinement(device),
        temperature=TEMPERATURE,
        radius=None,
        color_features=False,
        coarse_matching=True,
        shortlists=True,
    )


def _build_exemplar(device: torch.device | str, refinement: Refinement | None) -> Model:
    from stcolor_core.method.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures
    from stcolor_core.method.model import Model
    from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement

    vgg, correspondence, color = _require_weights("exemplar")
    return Model(
        name="exemplar",
        features=ExemplarFeatures(
            load_network(VGG19, vgg, device), load_network(CorrespondenceNet, correspondence, device)
        ),
        refinement=refinement or ExemplarRefinement(load_network(ColorNet, color, device)),
        temperature=0.01,
        radius=9,
        color_features=True,
        coarse_matching=False,
        shortlists=False,
    )


def _build_flow(name: OpticalFlow, device: torch.device | str) -> RaftFlow:
    from torchvision.models import optical_flow

    from stcolor_core.method.tracking.raft import RaftFlow

    (weights,) = _require_flow_weights(name)
    return RaftFlow(load_network(getattr(optical_flow, name), weights, device), device)


N = TypeVar("N", bound="nn.Module")


def load_network(kind: Callable[[], N], weights: str, device: torch.device | str) -> N:
    """Return a network with added weights, on a device, for inference.

    Args:
        kind: The class of the network.
        weights: The name of its weights.
        device: The device.

    Raises:
        ModelError: If the weights are missing, damaged or of another network.
    """
    import torch

    with torch.device("meta"):
        network = kind()
    # Older files lack the batch counters of batch norm, which have no effect.
    counters = {key: torch.tensor(0) for key in network.state_dict() if key.endswith(".num_batches_tracked")}
    network.load_state_dict(counters | load_weights(weights), strict=True, assign=True)
    return network.to(device).eval().requires_grad_(False)


def _unknown_model(name: str) -> BadRequest:
    models = ", ".join(known for known, entry in ENTRIES.items() if entry.build)
    return BadRequest(f"There is no model {name!r}. Use one of {models}.")


def _require_weights(model: str) -> tuple[str, ...]:
    """Return the names of the weights that a model needs. Raises ModelError if one is missing."""
    if model not in ENTRIES or ENTRIES[model].build is None:
        raise _unknown_model(model)
    return _require_present(ENTRIES[model].weights)


def _require_flow_weights(optical_flow: OpticalFlow) -> tuple[str, ...]:
    """Return the names of the weights that an optical flow needs. Raises ModelError if one is missing."""
    return () if optical_flow == "dis" else _require_present(ENTRIES[optical_flow].weights)


def _require_present(weights: tuple[str, ...]) -> tuple[str, ...]:
    present = installed()
    if absent := [name for name in weights if name not in present]:
        raise missing(absent)
    return weights


_RAFT_LICENCE = "BSD-3-Clause (the training data have terms of their own)"
ENTRIES: dict[str, RegistryEntry] = {
    "standard": RegistryEntry(
        summary="The default: EfficientNet-Lite0 features with local descriptors; nothing to add.",
        licence="Apache-2.0",
        build=_build_standard,
        shipped=(
            "standard_features.safetensors",
            "standard_refinement.safetensors",
            "standard_confidence.safetensors",
        ),
    ),
    "keyframe_cleaning": RegistryEntry(
        summary="Cleans the colour of compressed or grainy keyframes, with every model; nothing to add.",
        licence="MIT",
        shipped=("keyframe_cleaning.safetensors",),
    ),
    "exemplar": RegistryEntry(
        summary="Deep Exemplar-based Video Colorization (Zhang et al. 2019).",
        licence="MIT",
        build=_build_exemplar,
        weights=("vgg19_conv", "nonlocal_net_iter_76000", "colornet_iter_76000"),
        recurrent=True,
    ),
    "maskrcnn_resnet50_fpn_v2": RegistryEntry(
        summary="Finds the instances of --tracking instance and instance+dense (torchvision, COCO).",
        licence="BSD-3-Clause",
        weights=("maskrcnn_resnet50_fpn_v2",),
    ),
    "raft_small": RegistryEntry(
        summary="The optical flow of --optical-flow raft_small (Teed and Deng 2020; torchvision).",
        licence=_RAFT_LICENCE,
        weights=("raft_small",),
    ),
    "raft_large": RegistryEntry(
        summary="The optical flow of --optical-flow raft_large, slower and more exact.",
        licence=_RAFT_LICENCE,
        weights=("raft_large",),
    ),
    "deepremaster": RegistryEntry(
        summary="A baseline of `stcolor evaluate`: DeepRemaster's colour network (Iizuka and Simo-Serra 2019).",
        licence="CC BY-NC-SA 4.0, not for commercial use",
        weights=("remasternet",),
    ),
    "lpips": RegistryEntry(
        summary="A measure of `stcolor evaluate`: LPIPS, version 0.1, on AlexNet (Zhang et al. 2018).",
        licence="BSD-3-Clause and BSD-2-Clause",
        weights=("alexnet", "lpips_alex"),
    ),
    "fid": RegistryEntry(
        summary="A measure of `stcolor evaluate`: the Fréchet inception distance (Heusel et al. 2017).",
        licence="Apache-2.0",
        weights=("fid_inception",),
    ),
}
"""Every model, detector and network of the evaluation, by name. A new model is a new row (docs/develop/recipes.md)."""
