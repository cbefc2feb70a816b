"""Training of the network that cleans the chroma of damaged keyframes, on footage of known colour.

    stcolor train cleaning --footage DIR --output FILE [--steps N]

A piece of a frame is the plate and the truth; the keyframe is the same piece after damage at random
(`training.key_damage`). Hues are rotated and chroma is scaled before that, so that the network cannot learn which
things are green. The loss is the PSNR of the frame (the negative logarithm of the squared error in sRGB).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, pi, sin
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from stcolor_core.arrays import ByteImage, Image
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration.cleaning import CleaningNet
from stcolor_core.method.tensor_color import lab_to_srgb
from stcolor_core.training.clips import resize_sequence
from stcolor_core.training.key_damage import compress_jpeg, damage, keep_luma
from stcolor_core.training.runs import Run, RunSettings, Schedule

__all__ = ["Batch", "Settings", "cleaning_loss", "draw_piece", "train", "validate"]

_LINES = 240  # px, short side of the frames in memory
_EVERY = 8  # frames of a clip, of which one is used
_PIECE = 80  # px, side of a piece
_MARGIN = 16  # px around it, so that blocks and filters go on beyond it
_SMALLEST = 0.5  # of its size, that a piece is reduced to: chroma of the footage has half its size
_CHROMAS = (0.5, 1.4)  # factors on chroma
_RELIT, _LIGHT = 0.25, 1.5  # share of the keyframes that differ from the plate by a soft light, and its deviation in L*
_AVERAGING = 0.99  # of the weights; the run is short
_LEAST_ERROR = 2e-5  # mean squared error in sRGB, 47 dB: what is better counts little
_LEAST_SQUARE = 1e-10


@dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """The settings of a training run.

    Attributes:
        batch: Number of pieces in a training step.
        rate: Learning rate.
    """

    batch: int = 8
    rate: float = 2e-3


@dataclass(frozen=True)
class Batch:
    """Pieces of keyframes and what they should be.

    Attributes:
        lightness: The plate's L*, shape (B, H, W), 0..100.
        own: The keyframe's L*, shape (B, H, W).
        ab: The keyframe's a* and b*, shape (B, 2, H, W).
        truth: The true a* and b*, shape (B, 2, H, W).
    """

    lightness: Tensor
    own: Tensor
    ab: Tensor
    truth: Tensor


def train(footage: Path, output: Path, settings: Settings, *, device: torch.device) -> CleaningNet:
    """Train the network, and write its averaged weights as float16, next to its curve and its latest state.

    A run that was interrupted continues from its latest state.

    Args:
        footage: A folder with a folder of pictures or a movie for each clip.
        output: File of the weights.
        settings: The settings of the run.
        device: Device to train on.

    Returns:
        The network of averaged weights.

    Raises:
        BadRequest: If no clip is left to train on.
    """
    clips = read_dataset(footage)
    training = [clip for clip in clips if clip.name not in settings.held_out]
    if not training:
        raise BadRequest(f"Every clip in {footage} is held out. Leave one to train on: --held-out names the others.")
    validation = [clip for clip in clips if clip.name in settings.held_out] or training
    frames = [_read_frames(clip, range(0, len(clip), _EVERY)) for clip in training]
    middles = [_read_frames(clip, [len(clip) // 2])[0] for clip in validation]
    held_out = [np.asarray(picture / np.float32(255), np.float32) for picture in middles]
    torch.manual_seed(settings.seed)
    run = Run(
        CleaningNet().to(device), output, Schedule(steps=settings.steps, rate=settings.rate, averaging=_AVERAGING)
    )
    step = run.resume()
    for batch in _batches(frames, settings, start=step, device=device):
        run.step(cleaning_loss(run.network(batch.lightness, batch.own, batch.ab), batch), step)
        step += 1
        if step % settings.every == 0 or step == settings.steps:
            run.save_checkpoint(step, validate(run.averaged(), held_out, device=device))
    return run.averaged()


def cleaning_loss(ab: Tensor, batch: Batch) -> Tensor:
    """Return the mean logarithm of the squared error in sRGB.

    Args:
        ab: The network's a* and b*, shape (B, 2, H, W).
        batch: What it saw, and the truth.
    """
    error = lab_to_srgb(batch.lightness, ab) - lab_to_srgb(batch.lightness, batch.truth)
    return (error.square().mean(dim=(1, 2, 3)) + _LEAST_ERROR).log().mean()


def draw_piece(frame: ByteImage, generator: np.random.Generator) -> tuple[Image, Image]:
    """Return a random piece of a frame, of other hues, as the plate shows it and as a keyframe.

    Args:
        frame: sRGB code values, shape (H, W, 3), 0..255.
        generator: The random numbers; the same state gives the same piece.

    Returns:
        CIELAB of the truth and of the damaged keyframe, shape (80, 80, 3) each.
    """
    side = _PIECE + 2 * _MARGIN
    largest = min(frame.shape[:2])
    cut = int(min(largest, side / generator.uniform(_SMALLEST, 1)))
    top, left = (int(generator.integers(0, length - cut + 1)) for length in frame.shape[:2])
    piece = np.asarray(frame[top : top + cut, left : left + cut].astype(np.float32) / 255, np.float32)
    shrink = cv2.INTER_AREA if cut >= side else cv2.INTER_CUBIC
    piece = np.asarray(np.clip(cv2.resize(piece, (side, side), interpolation=shrink), 0, 1), np.float32)
    if generator.random() < 0.5:
        piece = np.ascontiguousarray(piece[:, ::-1], np.float32)
    true = _turn_hue(piece, generator)
    key = linear_to_lab(srgb_decode(damage(true, generator)).astype(np.float32))
    if generator.random() < _RELIT:
        coarse = generator.normal(0, _LIGHT, (2, 2)).astype(np.float32)
        key[..., 0] += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)
    inner = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return linear_to_lab(srgb_decode(true).astype(np.float32))[inner], key[inner]


@torch.no_grad()
def validate(network: CleaningNet, pictures: Sequence[Image], *, device: torch.device) -> dict[str, float]:
    """Return the PSNR in dB of whole keyframes with the plate's L*, before and after, for some kinds of damage.

    Args:
        network: The network.
        pictures: True frames, sRGB, shape (H, W, 3), 0..1.
        device: Device to run on.
    """
    kinds = {
        "jpeg30": lambda picture: compress_jpeg(picture, 30),
        "jpeg60": lambda picture: compress_jpeg(picture, 60),
        "jpeg90": lambda picture: compress_jpeg(picture, 90),
        "grain": lambda picture: np.clip(
            picture + np.random.default_rng(0).normal(0, 6 / 255, picture.shape).astype(np.float32), 0, 1
        ),
        "painted": keep_luma,
    }
    figures = {}
    for kind, change in kinds.items():
        before: list[float] = []
        after: list[float] = []
        for picture in pictures:
            batch = _to_batch([(_to_lab(picture), _to_lab(change(picture)))], device)
            truth = lab_to_srgb(batch.lightness, batch.truth)
            for scores, ab in ((before, batch.ab), (after, network(batch.lightness, batch.own, batch.ab))):
                square = (lab_to_srgb(batch.lightness, ab) - truth).square().mean()
                scores.append(float(-10 * square.clamp_min(_LEAST_SQUARE).log10()))
        figures[f"{kind} before"], figures[kind] = float(np.mean(before)), float(np.mean(after))
    return figures


def _read_frames(clip: DatasetSequence, indices: Sequence[int]) -> list[ByteImage]:
    small = resize_sequence(clip, _LINES)
    return [np.rint(255 * small.rgb(index)).astype(np.uint8) for index in indices]


def _turn_hue(picture: Image, generator: np.random.Generator) -> Image:
    """Return a picture whose hues are rotated and whose chroma is scaled, within the gamut of sRGB."""
    angle, scale = generator.uniform(0, 2 * pi), generator.uniform(*_CHROMAS)
    rotation = scale * np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]], np.float32)
    lab = _to_lab(picture)
    lab[..., 1:] = lab[..., 1:] @ rotation.T
    return np.asarray(np.clip(srgb_encode(np.maximum(lab_to_linear(lab), 0)), 0, 1), np.float32)


def _to_lab(picture: Image) -> Image:
    return np.asarray(linear_to_lab(srgb_decode(picture).astype(np.float32)), np.float32)


def _batches(
    frames: Sequence[Sequence[ByteImage]], settings: Settings, *, start: int, device: torch.device
) -> Iterator[Batch]:
    """Yield batches of pieces of any clip, each clip as often as any other; the next is prefetched on a thread."""

    def draw(step: int) -> list[tuple[Image, Image]]:
        generator = np.random.default_rng([settings.seed, step])
        clips = [frames[int(index)] for index in generator.integers(0, len(frames), settings.batch)]
        return [draw_piece(clip[int(generator.integers(len(clip)))], generator) for clip in clips]

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(draw, start)
        for step in range(start, settings.steps):
            pieces = following.result()
            following = pool.submit(draw, step + 1)
            yield _to_batch(pieces, device)


def _to_batch(pieces: Sequence[tuple[Image, Image]], device: torch.device) -> Batch:
    true, key = (
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(device) for pictures in zip(*pieces, strict=True)
    )
    return Batch(true[:, 0], key[:, 0], key[:, 1:], true[:, 1:])
