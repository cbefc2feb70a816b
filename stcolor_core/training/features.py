"""Training of the standard model's matching features, which reconstruct one frame's colour from another's.

    stcolor train features --footage DIR --output FILE [--steps N]

A target takes its colour from every position of a reference and from positions of an unrelated picture, by the model's
attention (Akimoto et al. 2020, eqs. 3 to 5). The loss is the error of that colour (Vondrick et al. 2018, with positions
in place of colour classes). The network sees luminance only. Training starts from EfficientNet-Lite0 and from the
principal components of its features and the local descriptors.
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
    MatchingNet,
    backbone,
    raw_features,
)
from stcolor_core.method.tensor_color import lab_to_srgb
from stcolor_core.training.pictures import PictureBatch, draw_batch, load_clips
from stcolor_core.training.runs import LEAST_ERROR, Run, RunSettings, Schedule, save_weights

__all__ = [
    "Settings",
    "make",
    "matching_loss",
    "principal_components",
    "train",
    "validate",
    "write_untrained_features",
]

_POSITIONS = 800  # of a target, whose colour counts in one training step
_NEGATIVES = 800  # positions of another reference, mostly of another clip: no colour should come from there
_BACKBONE_RATE = 0.05  # over the projection's rate: the backbone is trained on a million photographs already
_SURVEYS, _SURVEYED = 4, 8  # batches, and references of each, for the principal components that training starts from
_VALIDATED = 8  # references of each validation clip
_LEAST_SQUARE = 1e-10  # 100 dB: footage without colour has no error
_TRAINING, _SURVEY, _VALIDATION = range(3)  # part of the seed: the purpose of a batch


@dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """The settings of a training run.

    Attributes:
        batch: Number of references in a training step.
        rate: Learning rate, relative to the root mean square of a tensor.
        every: As in `RunSettings`.
    """

    batch: int = 8
    rate: float = 4e-2
    every: int = 200


def make(footage: Path, output: Path, settings: Settings, *, device: torch.device) -> None:
    """Train the features on a folder of clips and write the weights.

    Args:
        footage: A folder with a folder of pictures or a movie for each clip.
        output: File of the weights.
        settings: The settings of the run.
        device: Device to train on.

    Raises:
        BadRequest: If no clip is left to train on.
        ModelError: If the published backbone is not installed.
    """
    clips = read_dataset(footage)
    network = backbone(device)
    training = load_clips([clip for clip in clips if clip.name not in settings.held_out], device)
    if not training:
        raise BadRequest(f"Every clip in {footage} is held out. Leave one to train on: --held-out names the others.")
    validation = load_clips([clip for clip in clips if clip.name in settings.held_out], device) or training
    start = MatchingNet(network, principal_components(network, training, settings.seed))
    train(start, training, validation, output, settings)


def write_untrained_features(footage: Path, output: Path, *, seed: int) -> None:
    """Write the weights that training starts from: features that have not learned from the footage.

    Args:
        footage: A folder with a folder of pictures or a movie for each clip.
        output: File of the weights, float16.
        seed: Seed of all random numbers.

    Raises:
        BadRequest: If the folder has no clip.
        ModelError: If the published backbone is not installed.
    """
    network = backbone("cpu")
    projection = principal_components(network, load_clips(read_dataset(footage), torch.device("cpu")), seed)
    save_weights(MatchingNet(network, projection).state_dict(), output)


def train(
    network: MatchingNet, training: Sequence[Tensor], validation: Sequence[Tensor], output: Path, settings: Settings
) -> MatchingNet:
    """Train the network, and write its averaged weights as float16, next to its curve and its latest state.

    A run that was interrupted continues from its latest state.

    Args:
        network: The network to start from; it is changed in place.
        training: Clips as `load_clips` returns them.
        validation: Clips as `load_clips` returns them.
        output: File of the weights.
        settings: The settings of the run.

    Returns:
        The network of averaged weights.
    """
    rates = {
        name: (_BACKBONE_RATE if name.startswith("backbone") else 1.0) * _rms(parameter)
        for name, parameter in network.requires_grad_(True).named_parameters()
    }
    run = Run(network, output, Schedule(steps=settings.steps, rate=settings.rate), rates=rates)
    batches = [
        draw_batch([clip], _VALIDATED, [settings.seed, _VALIDATION, index]) for index, clip in enumerate(validation)
    ]
    for step, pictures in _draw_ahead(training, settings, start=run.resume()):
        generator = torch.Generator().manual_seed(step)
        run.step(matching_loss(run.network, pictures, generator), step)
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            run.save_checkpoint(step + 1, validate(run.averaged(), batches))
    return run.averaged()


def matching_loss(network: MatchingNet, pictures: PictureBatch, generator: torch.Generator) -> Tensor:
    """Return the mean logarithm of the squared error in sRGB over the targets, at random positions of them.

    Args:
        network: The network to train.
        pictures: References and their targets.
        generator: The random numbers for the positions.
    """
    features = _features(network, pictures)
    device, (count, _, _, positions) = features.device, features.shape
    negatives = torch.randperm(positions, generator=generator)[:_NEGATIVES].to(device)
    at = torch.randperm(positions, generator=generator)[:_POSITIONS].to(device)
    references, reference_ab = (
        torch.cat([part, part[..., negatives].roll(1, dims=0)], dim=-1) if count > 1 else part
        for part in (features[:, 0], pictures.ab[:, 0].flatten(2))
    )
    ab = _attend(features[:, 1:, :, at], references, reference_ab)
    square = _squared_error(ab, pictures.lightness[:, 1:].flatten(2)[..., at], pictures.ab[:, 1:].flatten(3)[..., at])
    return (square + LEAST_ERROR).log().mean()


@torch.no_grad()
def validate(network: MatchingNet, batches: Sequence[PictureBatch]) -> dict[str, float]:
    """Return the mean PSNR in dB of whole grids that are coloured by attention alone, as {"psnr": dB}.

    Args:
        network: The network.
        batches: References and their targets.
    """
    psnr = []
    for pictures in batches:
        features = _features(network, pictures)
        ab = _attend(features[:, 1:], features[:, 0], pictures.ab[:, 0].flatten(2))
        square = _squared_error(ab, pictures.lightness[:, 1:].flatten(2), pictures.ab[:, 1:].flatten(3))
        psnr.append(float(-10 * square.clamp_min(_LEAST_SQUARE).log10().mean()))
    return {"psnr": float(np.mean(psnr))}


@torch.no_grad()
def principal_components(network: Lite0, clips: Sequence[Tensor], seed: int) -> Tensor:
    """Return the principal components of the raw features of random references, (CHANNELS, RAW_CHANNELS).

    Args:
        network: The backbone.
        clips: Clips as `load_clips` returns them.
        seed: Seed of the references.
    """
    moment = torch.zeros(RAW_CHANNELS, RAW_CHANNELS, dtype=torch.float64, device=clips[0].device)
    for index in range(_SURVEYS):
        pictures = draw_batch(clips, _SURVEYED, [seed, _SURVEY, index])
        raw = raw_features(network, pictures.seen[:, 0]).transpose(0, 1).flatten(1).double()
        moment += raw @ raw.T
    _, directions = torch.linalg.eigh(moment)
    projection: Tensor = directions.flip(1)[:, :CHANNELS].T.float().contiguous()
    return projection


def _rms(parameter: Tensor) -> float:
    """Return the root mean square of a tensor, but at least what lets small tensors change at all."""
    return max(1e-2, float(parameter.detach().square().mean().sqrt()))


def _features(network: MatchingNet, pictures: PictureBatch) -> Tensor:
    """Return the features of all pictures, (N, K, C, P)."""
    references, pictures_each = pictures.seen.shape[:2]
    features: Tensor = network(pictures.seen.flatten(0, 1))
    return features.flatten(2).view(references, pictures_each, features.shape[1], -1)


def _attend(targets: Tensor, references: Tensor, ab: Tensor) -> Tensor:
    """Return the colours (N, T, 2, Q) that targets (N, T, C, Q) take from references (N, C, P) of colours (N, 2, P)."""
    affinity = torch.einsum("ntcq,ncp->ntqp", targets, references) / TEMPERATURE
    return torch.einsum("ncp,ntqp->ntcq", ab, torch.softmax(affinity, dim=-1))


def _squared_error(ab: Tensor, lightness: Tensor, true_ab: Tensor) -> Tensor:
    """Return the mean squared error in sRGB (N, T) of colours (N, T, 2, Q)."""
    result, truth = (lab_to_srgb(lightness, color.transpose(1, 2)) for color in (ab, true_ab))
    return (result - truth).square().mean(dim=(1, 3))


def _draw_ahead(clips: Sequence[Tensor], settings: Settings, *, start: int) -> Iterator[tuple[int, PictureBatch]]:
    """Yield each training step with its batch, and prefetch the next batch on a thread."""

    def draw(step: int) -> PictureBatch:
        return draw_batch(clips, settings.batch, [settings.seed, _TRAINING, step])

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(draw, start)
        for step in range(start, settings.steps):
            pictures = following.result()
            following = pool.submit(draw, step + 1)
            yield step, pictures
