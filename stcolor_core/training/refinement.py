"""Training of the standard model's refinement: whose colour to take, learned from footage whose colour is known.

Hues are rotated and chroma is scaled at random, so that nothing can be learned of what is green in this world: only who
is right. The loss is what is reported, PSNR of the frame (its negative logarithm of the squared error in sRGB), and the
cross-entropy of being within 16 of 255 levels, which is what the confidence says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.metrics import Reliability
from stcolor_core.method.refinement.candidates import EVIDENCE, FACTS
from stcolor_core.method.refinement.mixing import MixingNet, MixingOutput
from stcolor_core.method.tensor_color import lab_to_srgb
from stcolor_core.training.runs import LEAST_ERROR, Run, Schedule
from stcolor_core.training.samples import count_candidates, read_sample

__all__ = ["Batch", "Settings", "loss_of", "train", "validate"]

_RIGHT = 16 / 255  # distance in sRGB within which a colour counts as right
_PRIOR = EVIDENCE.index("prior")
_CARRIED = [FACTS.index(name) for name in ("flow", "found", "previous")]
_WITHOUT_FLOW = 0.1  # share of the batches that stand for shots with stills alone


@dataclass(frozen=True, kw_only=True)
class Settings:
    """held_out: clips that are only validated on. crop: (height, width) px."""

    steps: int
    seed: int = 1
    batch: int = 6
    crop: tuple[int, int] = (144, 176)
    rate: float = 2e-3
    every: int = 250  # steps between two validations, each with a checkpoint
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """lightness: (B, H, W). truth: (B, 2, H, W). ab: (B, K, 2, H, W). facts: (B, K, F). evidence: (B, K, E, H, W)."""

    lightness: Tensor
    truth: Tensor
    ab: Tensor
    facts: Tensor
    evidence: Tensor


def train(samples: Sequence[Path], output: Path, settings: Settings, *, device: torch.device) -> MixingNet:
    """The refinement, trained; its averaged weights as float16 in `output`, its curve and last state beside it.

    A run that was stopped goes on from its last state. Raises BadRequest where there is nothing to train on.
    """
    training, validation = _split(samples, settings.held_out)
    if not training:
        raise BadRequest("There is no sample to train on. Give --footage clips of three frames or more.")
    torch.manual_seed(settings.seed)
    run = Run(MixingNet().to(device), output, Schedule(steps=settings.steps, rate=settings.rate))
    step = run.resume()
    for batch in _batches(training, settings, start=step, device=device):
        mixed = run.network(batch.lightness, batch.ab, batch.facts, batch.evidence)
        run.step(loss_of(mixed, batch), step)
        step += 1
        if step % settings.every == 0 or step == settings.steps:
            run.keep(step, validate(run.averaged(), validation, device=device))
    return run.averaged()


def loss_of(mixed: MixingOutput, batch: Batch) -> Tensor:
    """What is made smaller: minus the PSNR's logarithm, a little of the distance in ab, and surprise at being right."""
    ab = mixed_ab(mixed, batch.ab)
    error = lab_to_srgb(batch.lightness, ab) - lab_to_srgb(batch.lightness, batch.truth)
    square = error.square().mean(dim=(1, 2, 3))
    distance = ((ab - batch.truth).square().sum(1) + 1).sqrt().mean()
    right = (error.detach().square().sum(1, keepdim=True) <= _RIGHT**2).float()
    surprise = F.binary_cross_entropy_with_logits(mixed.certain, right)
    return (square + LEAST_ERROR).log().mean() + 0.02 * distance + 0.5 * surprise


def mixed_ab(mixed: MixingOutput, ab: Tensor) -> Tensor:
    """(B, 2, H, W): the colour that the network decides on."""
    return mixed.gain * (mixed.weights[:, :, None] * ab).sum(1)


@torch.no_grad()
def validate(network: MixingNet, samples: Sequence[Path], *, device: torch.device) -> dict[str, float]:
    """Means over whole frames: PSNR in dB of the network and of the fixed rule, chroma over the truth's, and the
    expected calibration error of its certainty."""
    network.eval()
    learned, ruled, chroma, reliability = [], [], [], Reliability()
    for path in samples:
        batch = _to_batch([read_sample(path)], device)
        mixed = network(batch.lightness, batch.ab, batch.facts, batch.evidence)
        truth = lab_to_srgb(batch.lightness, batch.truth)
        ab = mixed_ab(mixed, batch.ab)
        rule = (batch.evidence[:, :, _PRIOR, None] * batch.ab).sum(1)
        error = lab_to_srgb(batch.lightness, ab) - truth
        learned.append(_psnr(error))
        ruled.append(_psnr(lab_to_srgb(batch.lightness, rule) - truth))
        chroma.append(float(ab.norm(dim=1).mean() / batch.truth.norm(dim=1).mean().clamp_min(1)))
        certain, right = mixed.certain.sigmoid(), error.square().sum(1) <= _RIGHT**2
        reliability.add(*(each.flatten()[::17].cpu().numpy() for each in (certain, right)))
    return {
        "psnr": float(np.mean(learned)),
        "rule": float(np.mean(ruled)),
        "chroma": float(np.mean(chroma)),
        "calibration": reliability.error(),
    }


def _psnr(error: Tensor) -> float:
    return float(-10 * error.square().mean().clamp_min(1e-10).log10())


def _split(samples: Sequence[Path], held_out: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Samples to train on, and every fifth of the clips that are held out; of all where none are."""
    outside = [path for path in samples if path.parent.name.rpartition("_")[0] in held_out]
    inside = sorted(set(samples).difference(outside))
    return inside, (outside or inside)[::5]


def _batches(samples: Sequence[Path], settings: Settings, *, start: int, device: torch.device) -> Iterator[Batch]:
    """Batches of frames with the same number of candidates, the next one read while this one is learned from."""
    by_count: dict[int, list[Path]] = defaultdict(list)
    for path in samples:
        by_count[count_candidates(path)].append(path)
    counts = sorted(by_count)
    shares = np.array([len(by_count[count]) for count in counts]) / len(samples)

    def read(step: int) -> list[tuple[np.ndarray, ...]]:
        generator = np.random.default_rng([settings.seed, step])
        paths = by_count[int(generator.choice(counts, p=shares))]
        without_flow = bool(generator.random() < _WITHOUT_FLOW)
        chosen = [paths[int(index)] for index in generator.integers(0, len(paths), settings.batch)]
        return [
            _varied(_cropped(read_sample(path), settings.crop, generator), generator, without_flow=without_flow)
            for path in chosen
        ]

    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(read, start)
        for step in range(start, settings.steps):
            arrays = following.result()
            following = reader.submit(read, step + 1)
            yield _to_batch(arrays, device)


def _cropped(
    arrays: tuple[np.ndarray, ...], crop: tuple[int, int], generator: np.random.Generator
) -> tuple[np.ndarray, ...]:
    lightness, truth, ab, facts, evidence = arrays
    height, width = (min(wanted, there) for wanted, there in zip(crop, lightness.shape, strict=True))
    top, left = (
        int(generator.integers(0, there - size + 1))
        for there, size in zip(lightness.shape, (height, width), strict=True)
    )
    rows, columns = slice(top, top + height), slice(left, left + width)
    return lightness[rows, columns], truth[rows, columns], ab[:, rows, columns], facts, evidence[..., rows, columns]


def _varied(
    arrays: tuple[np.ndarray, ...], generator: np.random.Generator, *, without_flow: bool
) -> tuple[np.ndarray, ...]:
    """Other hues and another chroma, mirrored or not, with flow or without."""
    lightness, truth, ab, facts, evidence = (array.astype(np.float32) for array in arrays)
    if without_flow:
        kept = ~facts[:, _CARRIED].any(axis=1)
        ab, facts, evidence = ab[kept], facts[kept], evidence[kept].copy()
        prior = evidence[:, _PRIOR] + 1e-6
        evidence[:, _PRIOR] = prior / prior.sum(0)
    angle, scale = generator.uniform(0, 2 * pi), generator.uniform(0.5, 1.3)
    turn = (scale * np.array([[cos(angle), -np.sin(angle)], [np.sin(angle), cos(angle)]])).astype(np.float32)
    truth, ab = truth @ turn.T, ab @ turn.T
    if generator.random() < 0.5:
        lightness, truth, ab, evidence = lightness[:, ::-1], truth[:, ::-1], ab[:, :, ::-1], evidence[..., ::-1]
    return lightness, truth, ab, facts, evidence


def _to_batch(arrays: Sequence[tuple[np.ndarray, ...]], device: torch.device) -> Batch:
    lightness, truth, ab, facts, evidence = (
        torch.from_numpy(np.stack([np.ascontiguousarray(each, np.float32) for each in part])).to(device)
        for part in zip(*arrays, strict=True)
    )
    return Batch(lightness, truth.permute(0, 3, 1, 2), ab.permute(0, 1, 4, 2, 3), facts, evidence)
