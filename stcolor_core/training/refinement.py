"""Training of the standard model's refinement, which weights colour candidates, on footage of known colour.

Hues are rotated and chroma is scaled at random, so that the network cannot learn which things are green, only which
candidate is correct. The loss is the PSNR of the frame (the negative logarithm of the squared error in sRGB) and the
cross-entropy of being within 16 of 255 levels, which the confidence predicts.
"""

from __future__ import annotations

import copy
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
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS
from stcolor_core.method.refinement.learned import load_mixing_net
from stcolor_core.method.refinement.mixing import MixingNet, MixingOutput
from stcolor_core.method.tensor_color import lab_to_srgb
from stcolor_core.training.runs import LEAST_ERROR, Run, RunSettings, Schedule, check_output, save_weights
from stcolor_core.training.samples import Sample, count_candidates, read_sample

__all__ = ["Batch", "Settings", "check_start", "mean_network", "mix_ab", "mixing_loss", "train", "validate"]

_CORRECT = 16 / 255  # distance in sRGB up to which a colour counts as correct
_PRIOR = EVIDENCE_PLANES.index("prior")
_CARRIED = [FACTS.index(name) for name in ("flow", "reacquired", "previous")]
_RATE, _TUNING_RATE = 2e-3, 8e-4  # learning rate from the fixed rule, and from weights that are good already
_TUNING_AVERAGING = 0.99
_WITHOUT_FLOW = 0.1  # share of the batches that stand for shots with stills only
_SUBSAMPLED = 17  # every so many pixels count for calibration


@dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """The settings of a training run.

    Attributes:
        batch: Number of frames in a training step.
        crop: (height, width) in pixels of a training picture.
        rate: Learning rate; None for 2e-3, or 8e-4 with `start`.
        start: Weights to start from; None for the fixed rule's. The result is then the mean of these and the trained
            ones, which keeps what the first training taught of scenes that the second one lacks (Wortsman et al. 2022,
            "Robust fine-tuning of zero-shot models").
        every: As in `RunSettings`.
    """

    batch: int = 6
    crop: tuple[int, int] = (144, 176)
    rate: float | None = None
    every: int = 250
    start: Path | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of frames with K candidates each; see `stcolor_core.method.refinement.candidates`.

    Attributes:
        lightness: L*, (B, H, W), 0..100.
        truth: True a* and b*, (B, 2, H, W).
        ab: a* and b* of the candidates, (B, K, 2, H, W).
        facts: What is known of a candidate as a whole, (B, K, F).
        evidence: What is known of a candidate at each pixel, (B, K, E, H, W).
    """

    lightness: Tensor
    truth: Tensor
    ab: Tensor
    facts: Tensor
    evidence: Tensor


def train(samples: Sequence[Path], output: Path, settings: Settings, *, device: torch.device) -> MixingNet:
    """Train the refinement, and write its averaged weights as float16, next to its curve and its latest state.

    A run that was interrupted continues from its latest state.

    Args:
        samples: Files from `samples.make_samples`.
        output: File of the weights.
        settings: The settings of the run.
        device: Device to train on.

    Returns:
        The network of averaged weights.

    Raises:
        BadRequest: If there is no sample to train on, or `output` is the file that the training starts from.
        ModelError: If the weights to start from are missing or damaged.
    """
    training, validation = _split(samples, settings.held_out)
    if not training:
        raise BadRequest("There is no sample to train on. Give --footage clips of three frames or more.")
    check_start(settings, output)
    torch.manual_seed(settings.seed)
    network = MixingNet()
    if settings.start:
        network.load_state_dict(load_mixing_net(settings.start).state_dict())
    rate, averaging = (_TUNING_RATE, _TUNING_AVERAGING) if settings.start else (_RATE, Schedule.averaging)
    schedule = Schedule(steps=settings.steps, rate=settings.rate or rate, averaging=averaging)
    run = Run(network.to(device), output, schedule)
    step = run.resume()
    for batch in _batches(training, settings, start=step, device=device):
        mixed = run.network(batch.lightness, batch.ab, batch.facts, batch.evidence)
        run.step(mixing_loss(mixed, batch), step)
        step += 1
        if step % settings.every == 0 or step == settings.steps:
            run.save_checkpoint(step, validate(run.averaged(), validation, device=device))
    if not settings.start:
        return run.averaged()
    mean = mean_network(load_mixing_net(settings.start).to(device), run.averaged())
    save_weights(mean.state_dict(), output)
    return mean


def check_start(settings: Settings, output: Path) -> None:
    """Check the file of the new weights, and the weights that a run starts from, if there are any.

    Args:
        settings: The settings of the run.
        output: File of the new weights.

    Raises:
        BadRequest: If both are the same file.
        ModelError: If they are missing or damaged.
        OutputError: If `output` is a folder.
    """
    check_output(output)
    if settings.start is None:
        return
    if settings.start.resolve() == output.resolve():
        raise BadRequest(f"{output} is the file to start from, and is needed to the end. Give another --output.")
    load_mixing_net(settings.start)


def mean_network(first: MixingNet, second: MixingNet) -> MixingNet:
    """Return a network whose weights are the mean of two networks', in evaluation mode.

    Args:
        first: A network.
        second: One that was trained from the first, on the same device.
    """
    mean, other = copy.deepcopy(second), first.state_dict()
    mean.load_state_dict({name: (value + other[name]) / 2 for name, value in second.state_dict().items()})
    return mean.eval()


def mixing_loss(mixed: MixingOutput, batch: Batch) -> Tensor:
    """Return the loss: log squared error in sRGB, some distance in a* and b*, and the confidence's cross-entropy.

    Args:
        mixed: The network's output for the batch.
        batch: The frames with their truth.
    """
    ab = mix_ab(mixed, batch.ab)
    error = lab_to_srgb(batch.lightness, ab) - lab_to_srgb(batch.lightness, batch.truth)
    square = error.square().mean(dim=(1, 2, 3))
    distance = ((ab - batch.truth).square().sum(1) + 1).sqrt().mean()
    correct = (error.detach().square().sum(1, keepdim=True) <= _CORRECT**2).float()
    cross_entropy = F.binary_cross_entropy_with_logits(mixed.confidence_logit, correct)
    return (square + LEAST_ERROR).log().mean() + 0.02 * distance + 0.5 * cross_entropy


def mix_ab(mixed: MixingOutput, ab: Tensor) -> Tensor:
    """Return the colour that the network decides on, (B, 2, H, W).

    Args:
        mixed: The network's output.
        ab: a* and b* of the candidates, (B, K, 2, H, W).
    """
    return mixed.gain * (mixed.weights[:, :, None] * ab).sum(1)


@torch.no_grad()
def validate(network: MixingNet, samples: Sequence[Path], *, device: torch.device) -> dict[str, float]:
    """Return figures of the network over whole frames.

    Args:
        network: The network.
        samples: Files from `samples.make_samples`.
        device: Device to run on.

    Returns:
        psnr: mean PSNR in dB; rule: the same of the fixed rule; chroma: mean chroma over the truth's; calibration:
        expected calibration error of the confidence, 0..1.
    """
    network.eval()
    psnr, rule_psnr, chroma, reliability = [], [], [], Reliability()
    for path in samples:
        batch = _to_batch([read_sample(path)], device)
        mixed = network(batch.lightness, batch.ab, batch.facts, batch.evidence)
        truth = lab_to_srgb(batch.lightness, batch.truth)
        ab = mix_ab(mixed, batch.ab)
        rule_ab = (batch.evidence[:, :, _PRIOR, None] * batch.ab).sum(1)
        error = lab_to_srgb(batch.lightness, ab) - truth
        psnr.append(_psnr(error))
        rule_psnr.append(_psnr(lab_to_srgb(batch.lightness, rule_ab) - truth))
        chroma.append(float(ab.norm(dim=1).mean() / batch.truth.norm(dim=1).mean().clamp_min(1)))
        confidence, correct = mixed.confidence_logit.sigmoid(), error.square().sum(1) <= _CORRECT**2
        reliability.add(*(pixels.flatten()[::_SUBSAMPLED].cpu().numpy() for pixels in (confidence, correct)))
    return {
        "psnr": float(np.mean(psnr)),
        "rule": float(np.mean(rule_psnr)),
        "chroma": float(np.mean(chroma)),
        "calibration": reliability.error(),
    }


def _psnr(error: Tensor) -> float:
    return float(-10 * error.square().mean().clamp_min(1e-10).log10())


def _split(samples: Sequence[Path], held_out: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the training samples, and every fifth sample of the held-out clips, or of all if none are held out."""
    validation = [path for path in samples if path.parent.name.rpartition("_")[0] in held_out]
    training = sorted(set(samples).difference(validation))
    return training, (validation or training)[::5]


def _batches(samples: Sequence[Path], settings: Settings, *, start: int, device: torch.device) -> Iterator[Batch]:
    """Yield batches of frames with the same number of candidates, and prefetch the next one on a thread."""
    by_count: dict[int, list[Path]] = defaultdict(list)
    for path in samples:
        by_count[count_candidates(path)].append(path)
    counts = sorted(by_count)
    shares = np.array([len(by_count[count]) for count in counts]) / len(samples)

    def read(step: int) -> list[Sample]:
        generator = np.random.default_rng([settings.seed, step])
        paths = by_count[int(generator.choice(counts, p=shares))]
        without_flow = bool(generator.random() < _WITHOUT_FLOW)
        chosen = [paths[int(index)] for index in generator.integers(0, len(paths), settings.batch)]
        return [
            _augment(_crop(read_sample(path), settings.crop, generator), generator, without_flow=without_flow)
            for path in chosen
        ]

    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(read, start)
        for step in range(start, settings.steps):
            samples_read = following.result()
            following = reader.submit(read, step + 1)
            yield _to_batch(samples_read, device)


def _crop(sample: Sample, crop: tuple[int, int], generator: np.random.Generator) -> Sample:
    """Return a random crop of a sample, or all of a side that is shorter than the crop."""
    lightness, truth, ab, facts, evidence = sample
    height, width = (min(size, side) for size, side in zip(crop, lightness.shape, strict=True))
    top, left = (
        int(generator.integers(0, side - size + 1)) for side, size in zip(lightness.shape, (height, width), strict=True)
    )
    rows, columns = slice(top, top + height), slice(left, left + width)
    return Sample(
        lightness[rows, columns], truth[rows, columns], ab[:, rows, columns], facts, evidence[..., rows, columns]
    )


def _augment(sample: Sample, generator: np.random.Generator, *, without_flow: bool) -> Sample:
    """Return a sample with random hue rotation, chroma and mirroring, and without the candidates of flow if asked."""
    lightness, truth, ab, facts, evidence = (array.astype(np.float32) for array in sample)
    if without_flow:
        kept = ~facts[:, _CARRIED].any(axis=1)
        ab, facts, evidence = ab[kept], facts[kept], evidence[kept].copy()
        prior = evidence[:, _PRIOR] + 1e-6
        evidence[:, _PRIOR] = prior / prior.sum(0)
    angle, scale = generator.uniform(0, 2 * pi), generator.uniform(0.5, 1.3)
    rotation = (scale * np.array([[cos(angle), -np.sin(angle)], [np.sin(angle), cos(angle)]])).astype(np.float32)
    truth, ab = truth @ rotation.T, ab @ rotation.T
    if generator.random() < 0.5:
        lightness, truth, ab, evidence = lightness[:, ::-1], truth[:, ::-1], ab[:, :, ::-1], evidence[..., ::-1]
    return Sample(lightness, truth, ab, facts, evidence)


def _to_batch(samples: Sequence[Sample], device: torch.device) -> Batch:
    lightness, truth, ab, facts, evidence = (
        torch.from_numpy(np.stack([np.ascontiguousarray(array, np.float32) for array in arrays])).to(device)
        for arrays in zip(*samples, strict=True)
    )
    return Batch(lightness, truth.permute(0, 3, 1, 2), ab.permute(0, 1, 4, 2, 3), facts, evidence)
