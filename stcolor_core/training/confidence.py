"""Training of the standard model's confidence head, with the mixing network frozen, so that no colour changes.

Its samples are walks whose references mislead and fast ones (`training.misled`) beside ordinary ones. The loss is the
cross-entropy of the final colour being within 16 of 255 levels of the truth.
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
from stcolor_core.training.runs import Run, RunSettings, Schedule
from stcolor_core.training.samples import read_sample

__all__ = ["Picture", "Settings", "fit", "prepare", "train", "validate"]

_CORRECT = 16 / 255  # distance in sRGB up to which a colour counts as correct
_ORDINARY_SHARE = 0.3  # share of the pieces from ordinary walks; with the fast ones six in ten have a true keyframe
# Shares of the other walks. A misplaced keyframe is mostly known by its luminance (`method.registration`), which the
# evidence here does not hold: many of them would teach doubt of every keyframe.
_MISLED_SHARES = {"fast": 0.43, "dissolve": 0.2, "foreign": 0.15, "own": 0.15, "misplaced": 0.07}
_LEAST_SCALE = 0.02  # of what differs little between the pictures of a training
_AVERAGING = 0.98  # of the weights; the runs are short
_PIXELS = 400  # random pixels of a picture in a training step


@dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """The settings of a training run.

    Attributes:
        batch: Number of pictures in a training step.
        rate: Learning rate.
        every: As in `RunSettings`.
    """

    batch: int = 24
    rate: float = 1e-2
    every: int = 200


@dataclass(frozen=True)
class Picture:
    """A frame as the head sees it.

    Attributes:
        kind: Kind of the walk, see `misled.kind_of`.
        planes: The evidence at each pixel, shape (N, H, W), float16, see `confidence.PLANES`.
        summary: Of the whole picture, shape (2 N + 1,).
        correct: Whether the colour is right, shape (H, W), bool.
    """

    kind: str
    planes: Tensor
    summary: Tensor
    correct: Tensor


def train(samples: Sequence[Path], output: Path, settings: Settings, *, device: torch.device) -> ConfidenceHead:
    """Train the confidence head, and write its averaged weights as float16, next to its curve and its latest state.

    All pictures are kept in memory, 2 MB each.

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
    head = ConfidenceHead()
    summaries = torch.stack([picture.summary for picture in pictures])
    head.mean.copy_(summaries.mean(0))
    head.scale.copy_(summaries.std(0, correction=0).clamp_min(_LEAST_SCALE))
    run = Run(head.to(device), output, Schedule(steps=settings.steps, rate=settings.rate, averaging=_AVERAGING))
    for step in range(run.resume(), settings.steps):
        generator = np.random.default_rng([settings.seed, step])
        pieces = [_draw_pixels(by_kind, generator) for _ in range(settings.batch)]
        planes, summary, target = (torch.stack(parts).to(device) for parts in zip(*pieces, strict=True))
        judged = run.network(planes.float(), summary)
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
        confidence = head(picture.planes[None].float(), picture.summary[None])[0].sigmoid().numpy()
        correct = picture.correct.numpy()
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
    planes = decision.planes.cpu()
    size = (planes.shape[2], planes.shape[3])  # less than the picture's if that is taller than the network runs at
    light, own, true = (
        torch.from_numpy(np.ascontiguousarray(resize(np.asarray(picture, np.float32), size)))
        for picture in (lightness, decision.color(candidates), sample.truth)
    )
    color, truth = (lab_to_srgb(light[None], ab.permute(2, 0, 1)[None]) for ab in (own, true))
    correct = (color - truth).square().sum(1)[0] <= _CORRECT**2
    kind = kind_of(int(path.parent.name.rpartition("_")[2]))
    return Picture(kind, planes[0].half(), summarize(planes)[0], correct)


def _draw_pixels(by_kind: dict[str, list[Picture]], generator: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return random pixels of a random picture: planes (N, 1, P), summary and whether each is right, (1, P)."""
    shares = {kind: _MISLED_SHARES[kind] for kind in sorted(by_kind) if kind != ORDINARY}
    if ORDINARY in by_kind:
        shares[ORDINARY] = _ORDINARY_SHARE * sum(shares.values()) / (1 - _ORDINARY_SHARE) or 1.0
    kinds, total = list(shares), sum(shares.values())
    pictures = by_kind[kinds[int(generator.choice(len(kinds), p=[shares[kind] / total for kind in kinds]))]]
    picture = pictures[int(generator.integers(0, len(pictures)))]
    pixels = torch.from_numpy(generator.integers(0, picture.correct.numel(), _PIXELS))
    planes = picture.planes.flatten(1)[:, pixels]
    return planes[:, None], picture.summary, picture.correct.flatten()[pixels][None].float()
