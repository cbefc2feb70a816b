"""The standard model's projection, trained to put one frame's colour together again from another's.

    stcolor train features --footage DIR [--output FILE] [--steps N]

A target takes its colour from every place of a reference and of an unrelated picture, by the attention that the model
uses (eqs. 3 to 5); what counts is how far that colour is from the true one (Vondrick et al. 2018, the paper's [27],
over places in place of classes of colour). Luminance alone is seen. Training starts from the discriminant of
`training.projection`, and stays linear: on footage as little as this, a network of several layers learned what its
clips look like (docs/quality.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.evaluation.dataset import Sequence as Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.features.lite0 import Lite0
from stcolor_core.features.standard import PROJECTION, backbone
from stcolor_core.training.clips import sized
from stcolor_core.training.pictures import Picture, drawn
from stcolor_core.training.projection import learn
from stcolor_core.training.refinement import LEAST_ERROR, srgb_of
from stcolor_core.training.runs import Run, Schedule

__all__ = ["Matcher", "Settings", "condensed", "make", "train"]

_CHANNELS = 128  # that are kept
_PLACES = 800  # of a target whose colour counts in one step
_STRANGERS = 1200  # places of the picture before, of another clip as a rule: nothing should be taken from there
_TEMPERATURE = 0.035  # of the softmax where training starts
_VALIDATED = 4  # references of every clip held out


@dataclass(frozen=True, kw_only=True)
class Settings:
    """every: steps between two validations, each with a checkpoint. held_out: clips that are only validated on."""

    steps: int
    seed: int = 1
    rate: float = 5e-4
    every: int = 200
    held_out: tuple[str, ...] = ()


class Matcher(nn.Module):
    """The projection (C, R), and the temperature of eq. 3 that it is trained at."""

    def __init__(self, projection: Tensor) -> None:
        super().__init__()
        self.projection = nn.Parameter(projection.float().clone())
        self.sharpness = nn.Parameter(torch.tensor(0.0))

    def forward(self, raw: Tensor) -> Tensor:
        """(R, h, w) -> (C, P) unit features, as `StandardFeatures.target` gives them."""
        features = torch.einsum("cr,rhw->chw", self.projection, raw)
        return F.normalize(features - features.mean(dim=(1, 2), keepdim=True), dim=0, eps=1e-6).flatten(1)

    @property
    def temperature(self) -> Tensor:
        """Of eq. 3."""
        return _TEMPERATURE * torch.exp(-self.sharpness)


def make(footage: Path, output: Path | None, settings: Settings, *, device: torch.device) -> None:
    """The projection from a folder of clips, by default where the model looks for it.

    The discriminant that training starts from, and what training made of it, are kept beside it, and taken from there
    when a run goes on.
    """
    output = output or PROJECTION
    clips = [sized(clip) for clip in read_dataset(footage)]
    beginning, whole = (output.with_name(f"{output.stem}.{part}.safetensors") for part in ("start", "whole"))
    if not beginning.is_file():
        save_file({"projection": learn(clips, seed=settings.seed).float().contiguous()}, beginning)
    matcher = train(clips, load_file(beginning)["projection"], whole, settings, device=device)
    network = backbone(device)
    pictures = [drawn(clip, network, [settings.seed, 2], device)[0] for clip in clips]
    save_file({"projection": condensed(matcher, pictures).half().cpu().contiguous()}, output)
    output.chmod(0o644)  # as any file of the package; safetensors leaves it to its owner alone


def train(clips: Sequence[Clip], start: Tensor, output: Path, settings: Settings, *, device: torch.device) -> Matcher:
    """The projection, trained; its averaged values as float16 in `output`, its curve and last state beside it.

    start: (C, R). A run that was stopped goes on from its last state.
    """
    network = backbone(device)
    training = [clip for clip in clips if clip.name not in settings.held_out]
    held_out = [clip for clip in clips if clip.name in settings.held_out]
    torch.manual_seed(settings.seed)
    run = Run(Matcher(start).to(device), output, Schedule(steps=settings.steps, rate=settings.rate))
    validation = [drawn(clip, network, [settings.seed, 1, i], device) for clip in held_out for i in range(_VALIDATED)]
    stranger: tuple[Tensor, Tensor] | None = None
    for step, pictures in _steps(training, network, settings, start=run.resume(), device=device):
        if step % settings.every == 0:
            stranger = None  # so that a run which goes on from a checkpoint comes to the same
        generator = torch.Generator().manual_seed(step)
        reference, *targets = (run.network(picture.raw) for picture in pictures)
        color = pictures[0].ab.flatten(1)
        features, ab = (reference, color) if stranger is None else _beside((reference, color), stranger)
        losses = []
        for target, picture in zip(targets, pictures[1:], strict=True):
            places = torch.randperm(target.shape[1], generator=generator)[:_PLACES].to(device)
            found = ab @ torch.softmax(target[:, places].T @ features / run.network.temperature, dim=1).T
            losses.append((_error(found, picture, places).square().mean() + LEAST_ERROR).log())
        run.step(torch.stack(losses).mean(), step)
        some = torch.randperm(reference.shape[1], generator=generator)[:_STRANGERS].to(device)
        stranger = (reference.detach()[:, some], color[:, some])
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            run.keep(step + 1, validate(run.averaged(), validation), kept=("projection",))
    return run.averaged()


@torch.no_grad()
def condensed(matcher: Matcher, pictures: Sequence[Picture], *, channels: int = _CHANNELS) -> Tensor:
    """(channels, R): the projection onto the directions in which its features differ most over the pictures.

    Matching costs as much as there are channels, and these say nearly all: of 192, 128 keep the attention on davis
    within 0.05 dB, where training with 128 alone lost 0.12.
    """
    features = torch.cat([matcher(picture.raw) for picture in pictures], dim=1)
    _, directions = torch.linalg.eigh(features @ features.T)
    projection: Tensor = directions.flip(1)[:, :channels].T @ matcher.projection
    return projection


@torch.no_grad()
def validate(matcher: Matcher, pictures: Sequence[Sequence[Picture]]) -> dict[str, float]:
    """Mean PSNR in dB over whole grids coloured by the attention alone, and the temperature."""
    found = []
    for reference, *targets in pictures:
        known = matcher(reference.raw)
        for target in targets:
            affinity = torch.softmax(matcher(target.raw).T @ known / matcher.temperature, dim=1)
            error = _error(reference.ab.flatten(1) @ affinity.T, target, torch.arange(len(affinity)))
            found.append(float(-10 * error.square().mean().log10()))
    return {"psnr": float(np.mean(found)), "temperature": float(matcher.temperature)}


def _beside(*known: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Features and colours of several pictures, as of one."""
    return tuple(torch.cat(parts, dim=1) for parts in zip(*known, strict=True))


def _error(found: Tensor, picture: Picture, places: Tensor) -> Tensor:
    """(3, Q): what is wrong in sRGB at those places if they take these colours, (2, Q)."""
    lightness = picture.lightness.flatten()[places][None, None]
    taken, true = (srgb_of(lightness, ab[None, :, None]) for ab in (found, picture.ab.flatten(1)[:, places]))
    return (taken - true)[0, :, 0]


def _steps(
    clips: Sequence[Clip], network: Lite0, settings: Settings, *, start: int, device: torch.device
) -> Iterator[tuple[int, list[Picture]]]:
    """A reference and its targets for every step, the next ones made while these are learned from."""

    def make(step: int) -> list[Picture]:
        clip = clips[int(np.random.default_rng([settings.seed, 0, step]).integers(len(clips)))]
        return drawn(clip, network, [settings.seed, 0, step], device)

    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(make, start)
        for step in range(start, settings.steps):
            pictures = following.result()
            following = maker.submit(make, step + 1)
            yield step, pictures
