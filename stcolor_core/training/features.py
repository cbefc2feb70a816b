"""The standard model's matching features, trained to put one frame's colour together again from another's.

    stcolor train features --footage DIR [--output FILE] [--steps N]

A target takes its colour from every place of a reference and from places of an unrelated picture, by the attention that
the model uses (eqs. 3 to 5); what counts is how far that colour is from the true one (Vondrick et al. 2018, over
places in place of classes of colour). Luminance alone is seen. Training starts from EfficientNet-Lite0 and
from the principal components of what it and the local descriptors say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.method.features.lite0 import Lite0
from stcolor_core.method.features.standard import (
    CHANNELS,
    RAW_CHANNELS,
    TEMPERATURE,
    WEIGHTS,
    MatchingNet,
    backbone,
    raw_features,
)
from stcolor_core.method.tensor_color import lab_to_srgb
from stcolor_core.training.pictures import Pictures, drawn, held
from stcolor_core.training.runs import LEAST_ERROR, Run, Schedule, save_weights

__all__ = ["Settings", "loss_of", "make", "principal", "train", "untrained", "validate"]

_PLACES = 800  # of a target whose colour counts in one step
_STRANGERS = 800  # places of another reference, of another clip as a rule: nothing should be taken from there
_BACKBONE_RATE = 0.05  # of the projection's: it starts from what is known of a million photographs
_SURVEYS, _SURVEYED = 4, 8  # batches, and references of each, whose principal components training starts from
_VALIDATED = 8  # references of each clip that is validated on
_LEAST_SQUARE = 1e-10  # 100 dB: footage without colour is met exactly
_TRAINING, _SURVEY, _VALIDATION = range(3)  # what pictures are drawn for


@dataclass(frozen=True, kw_only=True)
class Settings:
    """rate: of change in a step, relative to a tensor's own size. batch: references in a step. every: steps between two
    validations, each with a checkpoint. held_out: clips that are only validated on; where there are none, all are."""

    steps: int
    seed: int = 1
    batch: int = 8
    rate: float = 4e-2
    every: int = 200
    held_out: tuple[str, ...] = ()


def make(footage: Path, output: Path | None, settings: Settings, *, device: torch.device) -> None:
    """The features from a folder of clips, by default where the model looks for them.

    Raises BadRequest where no clip is left to train on, ModelError where the published backbone is not installed.
    """
    clips = read_dataset(footage)
    network = backbone(device)
    training = held([clip for clip in clips if clip.name not in settings.held_out], device)
    if not training:
        raise BadRequest(f"Every clip in {footage} is held out. Leave one to train on: --held-out names the others.")
    validation = held([clip for clip in clips if clip.name in settings.held_out], device) or training
    start = MatchingNet(network, principal(network, training, settings.seed))
    train(start, training, validation, output or WEIGHTS, settings)


def untrained(footage: Path, output: Path, *, seed: int) -> None:
    """What training starts from, as float16 in `output`: features that have not learned from the footage.

    Raises as `make`.
    """
    network = backbone("cpu")
    projection = principal(network, held(read_dataset(footage), torch.device("cpu")), seed)
    save_weights(MatchingNet(network, projection).state_dict(), output)


def train(
    network: MatchingNet, training: Sequence[Tensor], validation: Sequence[Tensor], output: Path, settings: Settings
) -> MatchingNet:
    """The network, trained; its averaged values as float16 in `output`, its curve and last state beside it.

    training, validation: clips as `held` gives them. A run that was stopped goes on from its last state.
    """
    rates = {
        name: (_BACKBONE_RATE if name.startswith("backbone") else 1.0) * _size(parameter)
        for name, parameter in network.requires_grad_(True).named_parameters()
    }
    run = Run(network, output, Schedule(steps=settings.steps, rate=settings.rate), rates=rates)
    validated = [
        drawn([clip], _VALIDATED, [settings.seed, _VALIDATION, index]) for index, clip in enumerate(validation)
    ]
    for step, pictures in _steps(training, settings, start=run.resume()):
        generator = torch.Generator().manual_seed(step)
        run.step(loss_of(run.network, pictures, generator), step)
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            run.keep(step + 1, validate(run.averaged(), validated))
    return run.averaged()


def loss_of(network: MatchingNet, pictures: Pictures, generator: torch.Generator) -> Tensor:
    """The mean logarithm of the squared error in sRGB, over targets, at some of their places."""
    features = _features(network, pictures)
    device, (count, _, _, places) = features.device, features.shape
    some = torch.randperm(places, generator=generator)[:_STRANGERS].to(device)
    at = torch.randperm(places, generator=generator)[:_PLACES].to(device)
    known, ab = (
        torch.cat([part, part[..., some].roll(1, dims=0)], dim=-1) if count > 1 else part
        for part in (features[:, 0], pictures.ab[:, 0].flatten(2))
    )
    found = _attended(features[:, 1:, :, at], known, ab)
    square = _error(found, pictures.lightness[:, 1:].flatten(2)[..., at], pictures.ab[:, 1:].flatten(3)[..., at])
    return (square + LEAST_ERROR).log().mean()


@torch.no_grad()
def validate(network: MatchingNet, batches: Sequence[Pictures]) -> dict[str, float]:
    """Mean PSNR in dB over whole grids coloured by the attention alone."""
    found = []
    for pictures in batches:
        features = _features(network, pictures)
        ab = _attended(features[:, 1:], features[:, 0], pictures.ab[:, 0].flatten(2))
        square = _error(ab, pictures.lightness[:, 1:].flatten(2), pictures.ab[:, 1:].flatten(3))
        found.append(float(-10 * square.clamp_min(_LEAST_SQUARE).log10().mean()))
    return {"psnr": float(np.mean(found))}


@torch.no_grad()
def principal(network: Lite0, clips: Sequence[Tensor], seed: int) -> Tensor:
    """(CHANNELS, R): the directions in which raw features differ most, over some references."""
    moment = torch.zeros(RAW_CHANNELS, RAW_CHANNELS, dtype=torch.float64, device=clips[0].device)
    for index in range(_SURVEYS):
        pictures = drawn(clips, _SURVEYED, [seed, _SURVEY, index])
        raw = raw_features(network, pictures.seen[:, 0]).transpose(0, 1).flatten(1).double()
        moment += raw @ raw.T
    _, directions = torch.linalg.eigh(moment)
    projection: Tensor = directions.flip(1)[:, :CHANNELS].T.float().contiguous()
    return projection


def _size(parameter: Tensor) -> float:
    """The root of a tensor's mean square, or what small tensors need to move at all."""
    return max(1e-2, float(parameter.detach().square().mean().sqrt()))


def _features(network: MatchingNet, pictures: Pictures) -> Tensor:
    """(N, K, C, P)."""
    count, of_each = pictures.seen.shape[:2]
    features: Tensor = network(pictures.seen.flatten(0, 1))
    return features.flatten(2).view(count, of_each, features.shape[1], -1)


def _attended(targets: Tensor, known: Tensor, ab: Tensor) -> Tensor:
    """The colours (N, T, 2, Q) that targets (N, T, C, Q) take from references (N, C, P) of colours (N, 2, P)."""
    affinity = torch.einsum("ntcq,ncp->ntqp", targets, known) / TEMPERATURE
    return torch.einsum("ncp,ntqp->ntcq", ab, torch.softmax(affinity, dim=-1))


def _error(found: Tensor, lightness: Tensor, ab: Tensor) -> Tensor:
    """(N, T): the mean square of what is wrong in sRGB with colours (N, T, 2, Q)."""
    taken, true = (lab_to_srgb(lightness, each.transpose(1, 2)) for each in (found, ab))
    return (taken - true).square().mean(dim=(1, 3))


def _steps(clips: Sequence[Tensor], settings: Settings, *, start: int) -> Iterator[tuple[int, Pictures]]:
    """The pictures of every step, the next ones made while these are learned from."""

    def make(step: int) -> Pictures:
        return drawn(clips, settings.batch, [settings.seed, _TRAINING, step])

    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(make, start)
        for step in range(start, settings.steps):
            pictures = following.result()
            following = maker.submit(make, step + 1)
            yield step, pictures
