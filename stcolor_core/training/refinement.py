"""Training of the standard model's refinement: whose colour to take, learned from footage whose colour is known.

Hues are rotated and chroma is scaled at random, so that nothing can be learned of what is green in this world: only who
is right. The loss is what is reported, PSNR of the frame (its negative logarithm of the squared error in sRGB), and the
cross-entropy of being within 16 of 255 levels, which is what the confidence says.
"""

from __future__ import annotations

import csv
import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.refinement.candidates import EVIDENCE
from stcolor_core.refinement.mixing import Mixed, MixingNet
from stcolor_core.training.samples import count_candidates, read_sample

__all__ = ["Batch", "Settings", "loss_of", "srgb_of", "train", "validate"]

_log = logging.getLogger(__name__)

_RIGHT = 16 / 255  # distance in sRGB within which a colour counts as right
_PRIOR, _FLOW = EVIDENCE.index("prior"), EVIDENCE.index("flow")
_WITHOUT_FLOW = 0.1  # share of the batches that stand for shots with stills alone
_LEAST_ERROR = 3e-5  # of the mean square, 45 dB: beyond, the truth's own noise is what is measured


@dataclass(frozen=True, kw_only=True)
class Settings:
    """held_out: clips that are only validated on. crop: (height, width) px."""

    steps: int
    seed: int = 1
    batch: int = 6
    crop: tuple[int, int] = (144, 176)
    rate: float = 2e-3
    averaging: float = 0.998
    every: int = 250  # steps between two validations, each with a checkpoint
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """lightness: (B, H, W). truth: (B, 2, H, W). ab: (B, K, 2, H, W). evidence: (B, K, E, H, W)."""

    lightness: Tensor
    truth: Tensor
    ab: Tensor
    evidence: Tensor


def train(samples: Sequence[Path], output: Path, settings: Settings, *, device: torch.device) -> MixingNet:
    """The refinement, trained; its averaged weights as float16 in `output`, its curve and last state beside it.

    A run that was stopped goes on from its last state.
    """
    training, validation = _split(samples, settings.held_out)
    torch.manual_seed(settings.seed)
    network = MixingNet().to(device)
    run = _Run(network, settings, output)
    step = run.resume()
    for batch in _batches(training, settings, start=step, device=device):
        run.step(batch, step)
        step += 1
        if step % settings.every == 0 or step == settings.steps:
            run.keep(step, validate(run.averaged(), validation, device=device))
    return run.averaged()


class _Run:
    """The state of a training: weights, their running mean, and the optimiser's moments."""

    def __init__(self, network: MixingNet, settings: Settings, output: Path) -> None:
        self._network, self._settings, self._output = network, settings, output
        self._mean = {name: value.clone() for name, value in network.state_dict().items()}
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-4)
        self._losses: list[float] = []

    def step(self, batch: Batch, step: int) -> None:
        """One step down the gradient."""
        progress = step / self._settings.steps
        warm = min(1.0, (step + 1) / 100)
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.rate * warm * (0.02 + 0.98 * (1 + cos(pi * progress)) / 2)
        mixed = self._network(batch.lightness, batch.ab, batch.evidence)
        loss = loss_of(mixed, batch)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimiser.step()
        self._losses.append(float(loss.detach()))
        decay = min(self._settings.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in self._network.state_dict().items():
                self._mean[name].lerp_(value, 1 - decay)

    def averaged(self) -> MixingNet:
        """A network of the mean weights."""
        network = MixingNet().to(next(iter(self._mean.values())).device)
        network.load_state_dict(self._mean)
        return network.eval()

    def keep(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the weights, the curve and the state to go on from."""
        row = {"step": step, "loss": float(np.mean(self._losses)), **figures}
        self._losses.clear()
        _log.info("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
        save_file({name: value.half().cpu().contiguous() for name, value in self._mean.items()}, self._output)
        self._output.chmod(0o644)  # as any file of the package; safetensors leaves it to its owner alone
        moments = {
            f"{kind}.{name}": self._optimiser.state[parameter][kind]
            for name, parameter in self._network.named_parameters()
            for kind in ("exp_avg", "exp_avg_sq")
        }
        state = {f"weights.{name}": value for name, value in self._network.state_dict().items()}
        state |= {f"mean.{name}": value for name, value in self._mean.items()} | moments
        save_file(state, self._state_file(), metadata={"step": json.dumps(step)})
        self._write_row(row)

    def resume(self) -> int:
        """Take up the last state; the step to go on with, 0 where there is none."""
        if not self._state_file().is_file():
            return 0
        from safetensors import safe_open

        with safe_open(self._state_file(), "pt") as file:
            step = int(json.loads((file.metadata() or {})["step"]))
        state = load_file(self._state_file())
        self._network.load_state_dict({name: state[f"weights.{name}"] for name in self._mean})
        self._mean = {name: state[f"mean.{name}"].to(value.device) for name, value in self._mean.items()}
        for name, parameter in self._network.named_parameters():
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(step)),
                **{kind: state[f"{kind}.{name}"].to(parameter.device) for kind in ("exp_avg", "exp_avg_sq")},
            }
        return step

    def _state_file(self) -> Path:
        return self._output.with_name(f"{self._output.stem}.state.safetensors")

    def _write_row(self, row: Mapping[str, float]) -> None:
        curve = self._output.with_name(f"{self._output.stem}.curve.csv")
        with curve.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)


def loss_of(mixed: Mixed, batch: Batch) -> Tensor:
    """What is made smaller: minus the PSNR's logarithm, a little of the distance in ab, and surprise at being right."""
    ab = mixed_ab(mixed, batch.ab)
    error = srgb_of(batch.lightness, ab) - srgb_of(batch.lightness, batch.truth)
    square = error.square().mean(dim=(1, 2, 3))
    distance = ((ab - batch.truth).square().sum(1) + 1).sqrt().mean()
    right = (error.detach().square().sum(1, keepdim=True) <= _RIGHT**2).float()
    surprise = F.binary_cross_entropy_with_logits(mixed.certain, right)
    return (square + _LEAST_ERROR).log().mean() + 0.02 * distance + 0.5 * surprise


def mixed_ab(mixed: Mixed, ab: Tensor) -> Tensor:
    """(B, 2, H, W): the colour that the network decides on."""
    return mixed.gain * (mixed.weights[:, :, None] * ab).sum(1)


def srgb_of(lightness: Tensor, ab: Tensor) -> Tensor:
    """(B, H, W) L* and (B, 2, H, W) a*, b* -> (B, 3, H, W) sRGB 0..1, as `color.lab_to_linear` and `srgb_encode`."""
    fy = (lightness + 16) / 116
    f = torch.stack([fy + ab[:, 0] / 500, fy, fy - ab[:, 1] / 200], dim=1)
    xyz = torch.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = torch.einsum("rx,bxhw->brhw", _RGB.to(xyz), xyz).clamp(0, 1)
    curved = 1.055 * linear.clamp_min(1e-4) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, 12.92 * linear)


# linear Rec.709 of X/Xn, Y/Yn, Z/Zn under D65
_RGB = torch.tensor(
    [
        [3.08039909, -1.53738309, -0.54301591],
        [-0.92122336, 1.87596745, 0.04525586],
        [0.05287394, -0.20397697, 1.15110302],
    ]
)


@torch.no_grad()
def validate(network: MixingNet, samples: Sequence[Path], *, device: torch.device) -> dict[str, float]:
    """Means over whole frames: PSNR in dB of the network and of the fixed rule, chroma over the truth's, and the
    expected calibration error of its certainty."""
    network.eval()
    learned, ruled, chroma, certain, right = [], [], [], [], []
    for path in samples:
        batch = _to_batch([read_sample(path)], device)
        mixed = network(batch.lightness, batch.ab, batch.evidence)
        truth = srgb_of(batch.lightness, batch.truth)
        ab = mixed_ab(mixed, batch.ab)
        rule = (batch.evidence[:, :, _PRIOR, None] * batch.ab).sum(1)
        error = srgb_of(batch.lightness, ab) - truth
        learned.append(_psnr(error))
        ruled.append(_psnr(srgb_of(batch.lightness, rule) - truth))
        chroma.append(float(ab.norm(dim=1).mean() / batch.truth.norm(dim=1).mean().clamp_min(1)))
        certain.append(mixed.certain.sigmoid().flatten()[::17])
        right.append((error.square().sum(1).flatten()[::17] <= _RIGHT**2).float())
    return {
        "psnr": float(np.mean(learned)),
        "rule": float(np.mean(ruled)),
        "chroma": float(np.mean(chroma)),
        "calibration": calibration_error(torch.cat(certain), torch.cat(right)),
    }


def calibration_error(certain: Tensor, right: Tensor, *, bins: int = 20) -> float:
    """Mean over all of |how sure - how often right|, in bins of equal width (expected calibration error)."""
    place = (certain * bins).long().clamp(0, bins - 1)
    count, sure, true = (
        torch.zeros(bins).index_add(0, place.cpu(), value.cpu()) for value in (torch.ones_like(certain), certain, right)
    )
    return float((sure - true).abs().sum() / count.sum())


def _psnr(error: Tensor) -> float:
    return float(-10 * error.square().mean().clamp_min(1e-10).log10())


def _split(samples: Sequence[Path], held_out: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Samples to train on, and every fifth of the clips that are held out."""
    outside = [path for path in samples if path.parent.name.rpartition("_")[0] in held_out]
    return [path for path in samples if path not in set(outside)], outside[::5]


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
    lightness, truth, ab, evidence = arrays
    height, width = (min(wanted, there) for wanted, there in zip(crop, lightness.shape, strict=True))
    top, left = (
        int(generator.integers(0, there - size + 1))
        for there, size in zip(lightness.shape, (height, width), strict=True)
    )
    rows, columns = slice(top, top + height), slice(left, left + width)
    return lightness[rows, columns], truth[rows, columns], ab[:, rows, columns], evidence[..., rows, columns]


def _varied(
    arrays: tuple[np.ndarray, ...], generator: np.random.Generator, *, without_flow: bool
) -> tuple[np.ndarray, ...]:
    """Other hues and another chroma, mirrored or not, with flow or without."""
    lightness, truth, ab, evidence = (array.astype(np.float32) for array in arrays)
    if without_flow:
        kept = evidence[:, _FLOW, 0, 0] == 0
        ab, evidence = ab[kept], evidence[kept].copy()
        prior = evidence[:, _PRIOR] + 1e-6
        evidence[:, _PRIOR] = prior / prior.sum(0)
    angle, scale = generator.uniform(0, 2 * pi), generator.uniform(0.5, 1.3)
    turn = (scale * np.array([[cos(angle), -np.sin(angle)], [np.sin(angle), cos(angle)]])).astype(np.float32)
    truth, ab = truth @ turn.T, ab @ turn.T
    if generator.random() < 0.5:
        lightness, truth, ab, evidence = lightness[:, ::-1], truth[:, ::-1], ab[:, :, ::-1], evidence[..., ::-1]
    return lightness, truth, ab, evidence


def _to_batch(arrays: Sequence[tuple[np.ndarray, ...]], device: torch.device) -> Batch:
    lightness, truth, ab, evidence = (
        torch.from_numpy(np.stack([np.ascontiguousarray(each, np.float32) for each in part])).to(device)
        for part in zip(*arrays, strict=True)
    )
    return Batch(lightness, truth.permute(0, 3, 1, 2), ab.permute(0, 1, 4, 2, 3), evidence)
