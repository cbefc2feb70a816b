"""Training of the standard model's confidence head, with the mixing network frozen, so that no colour changes.

Its samples are walks whose references mislead (`training.misled`) beside ordinary ones. The loss is the cross-entropy
of the final colour being within 16 of 255 levels of the truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.metrics import Reliability
from stcolor_core.images.resizing import resize
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, Candidates
from stcolor_core.method.refinement.confidence import ConfidenceHead, summarize
from stcolor_core.method.refinement.learned import WEIGHTS, LearnedRefinement, load_mixing_net
from stcolor_core.method.tensor_color import lab_to_srgb
from stcolor_core.training.misled import ORDINARY, kind_of
from stcolor_core.training.runs import Run, Schedule
from stcolor_core.training.samples import read_sample

__all__ = ["Picture", "Settings", "fit", "prepare", "train", "validate"]

_CORRECT = 16 / 255  # distance in sRGB up to which a colour counts as correct
_ORDINARY_SHARE = 0.5  # share of the pieces from ordinary walks, which are what most shots are like
_CROP = 48  # height and width of a training piece, px at half size


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a training run.

    Attributes:
        steps: Number of training steps.
        seed: Seed of all random numbers.
        batch: Number of pieces in a training step.
        rate: Learning rate.
        every: Number of training steps between two validations, each with a checkpoint.
        held_out: Names of the validation clips; if empty, training clips are used.
    """

    steps: int
    seed: int = 1
    batch: int = 12
    rate: float = 1e-3
    every: int = 80
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A frame as the head sees it.

    Attributes:
        kind: Kind of the walk, see `misled.kind_of`.
        features: `MixingOutput.features`, shape (FEATURES, h, w), float16.
        logit: `MixingOutput.confidence_logit`, shape (1, H, W), float16.
        summary: Of the whole picture, shape (2 * FEATURES,).
        correct: Whether the colour is right, shape (1, H, W), bool.
    """

    kind: str
    features: Tensor
    logit: Tensor
    summary: Tensor
    correct: Tensor


def train(samples: Sequence[Path], output: Path, settings: Settings, *, device: torch.device) -> ConfidenceHead:
    """Train the confidence head, and write its averaged weights as float16, next to its curve and its latest state.

    All pictures are kept in memory, 3 MB each.

    Args:
        samples: Files from `samples.make_samples` with `misled`.
        output: File of the weights.
        settings: The settings of the run.
        device: Device to train on.

    Returns:
        The head of averaged weights.

    Raises:
        BadRequest: If there is no sample to train on.
    """
    validation = [path for path in samples if path.parent.name.rpartition("_")[0] in settings.held_out]
    training = sorted(set(samples).difference(validation))
    if not training:
        raise BadRequest("There is no sample to train on. Give --footage clips of three frames or more.")
    refinement = LearnedRefinement(load_mixing_net(WEIGHTS), device)
    pictures = [prepare(path, refinement) for path in training]
    held_out = [prepare(path, refinement) for path in validation] or pictures[::5]
    return fit(pictures, held_out, output, settings, device=device)


def fit(
    pictures: Sequence[Picture], held_out: Sequence[Picture], output: Path, settings: Settings, *, device: torch.device
) -> ConfidenceHead:
    """Train the confidence head on prepared pictures; see `train`.

    Args:
        pictures: The pictures to train on.
        held_out: The pictures to validate on.
        output: File of the weights.
        settings: The settings of the run.
        device: Device to train on.

    Returns:
        The head of averaged weights.
    """
    torch.manual_seed(settings.seed)
    by_kind = defaultdict(list)
    for picture in pictures:
        by_kind[picture.kind].append(picture)
    crop = min(_CROP, *(side // 2 for picture in pictures for side in picture.logit.shape[-2:]))
    run = Run(ConfidenceHead().to(device), output, Schedule(steps=settings.steps, rate=settings.rate))
    for step in range(run.resume(), settings.steps):
        generator = np.random.default_rng([settings.seed, step])
        pieces = [_draw_piece(by_kind, crop, generator) for _ in range(settings.batch)]
        features, logit, summary, target = (torch.stack(parts).to(device) for parts in zip(*pieces, strict=True))
        judged = run.network(features.float(), logit.float(), summary)
        run.step(F.binary_cross_entropy_with_logits(judged, target), step)
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            run.save_checkpoint(step + 1, validate(run.averaged(), held_out))
    return run.averaged()


@torch.no_grad()
def validate(head: ConfidenceHead, pictures: Sequence[Picture]) -> dict[str, float]:
    """Return the expected calibration error over whole frames of each kind, 0..1.

    Args:
        head: The confidence head.
        pictures: The frames.
    """
    head.eval()
    reliabilities: dict[str, Reliability] = defaultdict(Reliability)
    for picture in pictures:
        judged = head(picture.features[None].float(), picture.logit[None].float(), picture.summary[None])
        confidence, correct = judged[0, 0].sigmoid().numpy(), picture.correct[0].numpy()
        reliabilities[picture.kind].add(confidence[::2, ::2], correct[::2, ::2])
    return {kind: reliability.error() for kind, reliability in sorted(reliabilities.items())}


@torch.no_grad()
def prepare(path: Path, refinement: LearnedRefinement) -> Picture:
    """Return a sample with the frozen network's features and whether its colour is right.

    Args:
        path: A file from `samples.make_samples`.
        refinement: The mixing network as the pipeline uses it.
    """
    sample = read_sample(path)
    evidence = sample.evidence.astype(np.float32)
    prior = evidence[:, EVIDENCE_PLANES.index("prior")]
    lightness, ab = sample.lightness.astype(np.float32), sample.ab.astype(np.float32)
    candidates = Candidates(ab, prior, sample.facts.astype(np.float32), evidence, prior[0])
    decision = refinement.decide(lightness, candidates)
    features, logit = decision.output.features.cpu(), decision.output.confidence_logit.cpu()
    size = (logit.shape[2], logit.shape[3])  # less than the picture's if that is taller than the network runs at
    light, own, true = (
        torch.from_numpy(np.ascontiguousarray(resize(np.asarray(picture, np.float32), size)))
        for picture in (lightness, decision.color(candidates), sample.truth)
    )
    color, truth = (lab_to_srgb(light[None], ab.permute(2, 0, 1)[None]) for ab in (own, true))
    correct = (color - truth).square().sum(1) <= _CORRECT**2
    kind = kind_of(int(path.parent.name.rpartition("_")[2]))
    return Picture(kind, features[0].half(), logit[0].half(), summarize(features)[0], correct)


def _draw_piece(
    by_kind: dict[str, list[Picture]], crop: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a random piece of a random picture: features, logit, summary and whether each pixel is right.

    All kinds of misled walks come equally often.
    """
    misled = sorted(set(by_kind).difference([ORDINARY]))
    ordinary = ORDINARY in by_kind and (not misled or generator.random() < _ORDINARY_SHARE)
    pictures = by_kind[ORDINARY if ordinary else misled[int(generator.integers(0, len(misled)))]]
    picture = pictures[int(generator.integers(0, len(pictures)))]
    height, width = (side // 2 for side in picture.logit.shape[-2:])
    top, left = (int(generator.integers(0, max(1, side - crop + 1))) for side in (height, width))
    half, full = (
        (..., slice(scale * top, scale * (top + crop)), slice(scale * left, scale * (left + crop))) for scale in (1, 2)
    )
    return picture.features[half], picture.logit[full], picture.summary, picture.correct[full].float()
