"""Changes of light between two pictures, on tensors: `method.light` without decisions that wait for the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from stcolor_core.images.color import luminance_of
from stcolor_core.method import light, light_limits
from stcolor_core.method.tensor_color import compress, lab_to_xyz, linear_to_xyz, xyz_to_linear
from stcolor_core.method.tensor_color import lightness as lightness_of
from stcolor_core.method.tensor_pictures import blur, resize

__all__ = [
    "blacken",
    "clipping_level",
    "follow",
    "invert",
    "is_clipped",
    "is_same",
    "local_change",
    "overall_change",
    "overall_exposure",
    "relight",
    "relight_by",
    "relight_lightness",
    "relight_lightness_by",
    "roll_off",
    "settle",
    "to_same_light",
]


def is_same(change: Tensor) -> Tensor:
    """Return whether changes of light change nothing, shape (...), bool.

    Args:
        change: Gain, offset, and 1 if they apply to code values, as `light.LightChange`, shape (..., 3).
    """
    return (change[..., 0] == 1) & (change[..., 1] == 0)


def invert(change: Tensor) -> Tensor:
    """Return the change back, as `light.LightChange.inverse`.

    Args:
        change: As for `is_same`.
    """
    gain, offset, coded = change.unbind(-1)
    return torch.stack([1 / gain, -offset / gain, coded], -1)


def follow(first: Tensor, second: Tensor) -> Tensor:
    """Return a change followed by another one, as `light.LightChange.then`.

    Args:
        first: As for `is_same`.
        second: The other one.
    """
    alike = first[..., 2:] == second[..., 2:]
    both = torch.where(alike, _then(first, second), _then(_in_codes(first), _in_codes(second)))
    return torch.where(is_same(first)[..., None], second, torch.where(is_same(second)[..., None], first, both))


def overall_change(target: Tensor, other: Tensor, visibility: Tensor) -> Tensor:
    """Return the change of light that brings another picture to a target's light, as `light.overall_change`.

    Args:
        target: L* of the target, shape (H, W), 0..100.
        other: L* of the other picture along the flow from the target, shape (H, W).
        visibility: Whether both show the same surface, shape (H, W), 0..1.

    Returns:
        The change, shape (3,), as for `is_same`; exactly none if nothing explains the difference.
    """
    exposure = overall_exposure(target, other, visibility)
    alone = torch.stack([exposure, torch.zeros_like(exposure), torch.zeros_like(exposure)])
    step = light.SUBSAMPLED
    target, other, visibility = (plane[::step, ::step] for plane in (target, other, visibility))
    usable = (visibility > light.VISIBLE) & (other > light.DARKEST) & (other < light.WHITEST)
    usable = usable & (target > light.DARKEST) & (target < light.WHITEST)
    count = usable.sum()
    tenths = torch.arange(1, 10, dtype=torch.float64, device=target.device) / 10  # `light.QUANTILES`, made there
    places = (tenths * (count - 1).clamp_min(0)).round().long()
    knots = [
        torch.where(usable, plane, torch.inf).flatten().sort().values.gather(0, places) for plane in (other, target)
    ]
    lines = [_fit_line(knots[0], knots[1], coded=coded) for coded in (False, True)]
    left = [(knots[1] - relight_lightness_by(knots[0][None], line)[0]).abs().mean() for line in lines]
    line = torch.where(left[1] < left[0], lines[1], lines[0])
    before = _mean((target - other).abs(), usable, count)
    with_gain = _mean((target - relight_lightness(other, exposure)).abs(), usable, count)
    with_line = _mean((target - relight_lightness_by(other, line)).abs(), usable, count)
    share = _ramp((with_gain - with_line) / with_gain.clamp_min(light.LEAST_LEFT), light.LINE_BETTER)
    share = torch.where((exposure > 1) & (knots[0].var(correction=0) < light.FLAT[True]), 1.0, share)
    beside = torch.where(line[2] == 1, _in_codes(alone), alone)
    trusted = share * _ramp(1 - with_line / before.clamp_min(1e-6), light.OVERALL_EXPLAINED)
    gain = beside[0] ** (1 - trusted) * line[0] ** trusted
    mixed = torch.stack([gain, (1 - trusted) * beside[1] + trusted * line[1], line[2]])
    few = count < light.LEAST_SHARE * usable.numel()
    return torch.where(few | (share == 0), alone, mixed)


def overall_exposure(target: Tensor, other: Tensor, visibility: Tensor) -> Tensor:
    """Return the factor on linear light that brings another picture to a target's light, as `light.overall_exposure`.

    Args:
        target: L* of the target, shape (H, W), 0..100.
        other: L* of the other picture along the flow from the target, shape (H, W).
        visibility: Whether both show the same surface, shape (H, W), 0..1.

    Returns:
        The exposure, of no dimensions; exactly 1 if none explains the difference.
    """
    step = light.SUBSAMPLED
    target, other, visibility = (plane[::step, ::step] for plane in (target, other, visibility))
    usable = (
        (visibility > light.VISIBLE) & (other > light.DARKEST) & (other < light.BRIGHTEST) & (target < light.BRIGHTEST)
    )
    count = usable.sum()
    ordered = torch.where(usable, _log_ratio(target, other), torch.inf).flatten().sort().values
    middle = torch.stack([(count - 1).clamp_min(0) // 2, count // 2]).clamp_max(ordered.numel() - 1)
    exposure = ordered.gather(0, middle).mean().exp()
    exposure = torch.where(count < light.LEAST_SHARE * ordered.numel(), 1.0, exposure)
    before = _mean((target - other).abs(), usable, count)
    after = _mean((target - relight_lightness(other, exposure)).abs(), usable, count)
    trust = _ramp(1 - after / before.clamp_min(1e-6), light.OVERALL_EXPLAINED)
    return exposure**trust


def local_change(target: Tensor, other: Tensor, visibility: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return gain, offset and exposure around each pixel, shape (H, W) each, as `light.local_change`.

    Args:
        target: As for `overall_exposure`.
        other: As for `overall_exposure`.
        visibility: As for `overall_exposure`.
    """
    height, width = target.shape
    lines = min(height, light.LOCAL_LINES)
    planes = resize(torch.stack([target, other, visibility]), (lines, max(1, round(width * lines / height))))
    small, other_small, weight = planes
    weight = weight * ((other_small > light.DARKEST) & (other_small < light.BRIGHTEST) & (small < light.BRIGHTEST))
    ratio = _log_ratio(small, other_small).clamp(-3, 3)
    around = blur(torch.stack([weight, weight * ratio, weight * ratio * ratio]), light.LOCAL_SIGMA)
    visible = around[0]
    mean, square = around[1:] / visible.clamp_min(1e-3)
    trust = _ramp(mean * mean / square.clamp_min(1e-4), light.LOCAL_EXPLAINED)
    trust = trust * _ramp(mean.abs(), light.LOCAL_CHANGE) * _ramp(visible, light.LOCAL_VISIBLE)
    change = trust * mean.clamp(-light.MOST_LOCAL, light.MOST_LOCAL)
    exposure = resize(change, (height, width)).exp()
    spreads, grey = [], exposure
    for plane in map(_luminance_of, (small, other_small)):
        grey, power = blur(torch.stack([weight * plane, weight * plane * plane]), light.LOCAL_SIGMA)
        grey, power = grey / visible.clamp_min(1e-3), power / visible.clamp_min(1e-3)
        spreads.append((power - grey * grey).clamp_min(0) + light.LOCAL_FLAT)
    contrast = 0.5 * (spreads[0] / spreads[1]).log()
    gain = torch.where(change > 0, torch.minimum(contrast.clamp_min(0), change.clamp_min(0)), change)
    offset = (change.exp() - gain.exp()) * grey
    gain, offset = resize(torch.stack([gain, offset]), (height, width))
    darkens = change.amax() <= 0
    return (
        torch.where(darkens, exposure, gain.exp()),
        torch.where(darkens, 0.0, offset),
        torch.where(darkens, exposure, (3 * gain).exp() / (exposure * exposure)),
    )


def clipping_level(lightness: Tensor) -> Tensor:
    """Return the linear light at which a picture is clipped, of no dimensions, as `light_limits.clipping_level`.

    Args:
        lightness: L*, shape (H, W), 0..100.
    """
    brightest = lightness.amax()
    level = _luminance_of((90 + 25 / (100 - brightest).clamp_min(0.01)).reshape(1, 1)).reshape(())
    share = (lightness >= roll_off(lightness_of(level * light_limits.CLIPPED_FROM))).float().mean()
    clipped = (
        (brightest >= light.BRIGHTEST) & (brightest < light_limits.FARTHEST) & (share >= light_limits.LEAST_CLIPPED)
    )
    return torch.where(clipped, level, torch.inf)


def is_clipped(lightness: Tensor, ab: Tensor, most: Tensor) -> Tensor:
    """Return where a colour is clipped, shape (H, W), bool, as `light_limits.is_clipped`.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        most: Linear light at which red, green and blue are clipped, of no dimensions.
    """
    return xyz_to_linear(lab_to_xyz(lightness, ab)).amax(0) >= light_limits.CLIPPED_FROM * most


def relight_by(lightness: Tensor, ab: Tensor, change: Tensor, *, most: Tensor) -> tuple[Tensor, Tensor]:
    """Return a colour in changed light, as `light.relight` of a `light.LightChange`; as it is if nothing changes.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        change: As for `is_same`, shape (3,).
        most: Linear light at which red, green and blue are clipped, of no dimensions.
    """
    gain, offset, coded = change
    in_codes = lab_to_xyz((gain * lightness + offset).clamp(0, 100), gain * ab)
    xyz = torch.where(coded == 1, in_codes, lab_to_xyz(lightness, ab) * gain + offset)
    linear = xyz_to_linear(xyz)
    below = torch.where((coded == 0) & (offset != 0), (-linear).clamp_min(0), 0.0)
    f = compress(xyz + linear_to_xyz(below - (linear - most).clamp_min(0)))
    lit = 116 * f[1] - 16
    lit = torch.where((coded == 1) | (offset != 0), lit.clamp(0, 100), roll_off(lit))
    lit_ab = torch.stack([500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
    same = is_same(change)
    return torch.where(same, lightness, lit), torch.where(same, ab, lit_ab)


def relight_lightness_by(lightness: Tensor, change: Tensor) -> Tensor:
    """Return L* in changed light, as `light.relight_lightness` of a `light.LightChange`; as it is if nothing changes.

    Args:
        lightness: L*, shape (..., H, W), 0..100.
        change: As for `is_same`, shape (..., 3).
    """
    gain, offset, coded = (part[..., None, None] for part in change.unbind(-1))
    lit = lightness_of(gain * _luminance_of(lightness) + offset)
    linear = torch.where(offset != 0, lit.clamp(0, 100), roll_off(lit))
    changed = torch.where(coded == 1, (gain * lightness + offset).clamp(0, 100), linear)
    return torch.where(is_same(change)[..., None, None], lightness, changed)


def relight(
    lightness: Tensor, ab: Tensor, exposure: Tensor, *, offset: Tensor | None = None, most: Tensor
) -> tuple[Tensor, Tensor]:
    """Return a colour in changed light, as `light.relight`.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        exposure: Factor on linear light, above 0, of no dimensions or of shape (H, W).
        offset: Linear light that is added, shape (H, W), 0 or more; None for none.
        most: Linear light at which red, green and blue are clipped, of no dimensions.
    """
    xyz = lab_to_xyz(lightness, ab) * exposure
    if offset is not None:
        xyz = xyz + offset
    above = (xyz_to_linear(xyz) - most).clamp_min(0)
    f = compress(xyz - linear_to_xyz(above))
    return roll_off(116 * f[1] - 16), torch.stack([500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def relight_lightness(lightness: Tensor, exposure: Tensor) -> Tensor:
    """Return L* in changed light, as `light.relight_lightness`.

    Args:
        lightness: L* of any shape, 0..100.
        exposure: Factor on linear light that broadcasts to that shape.
    """
    return roll_off(lightness_of(_luminance_of(lightness) * exposure))


def to_same_light(target: Tensor, other: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    """Return two pictures in the light of that with more contrast, as `light.to_same_light`; as they are in one light.

    Args:
        target: L* of pictures, shape (..., H, W).
        other: L* of other pictures, of the same shape.
        change: Brings the others to the targets' light, shape (..., 3), as for `is_same`.
    """
    dims = change[..., 0][..., None, None] < 1
    lit = torch.where(dims, relight_lightness_by(target, invert(change)), target)
    return lit, torch.where(dims, other, relight_lightness_by(other, change))


def settle(lightness: Tensor, ab: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
    """Return a*, b* and the confidence where the light leaves no chroma, as `light_limits.settle`.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        confidence: Shape (H, W), 0..1.
    """
    level = clipping_level(lightness)
    white = ((lightness.amax() - lightness) / light_limits.WHITE).clamp(0, 1)
    left = (lightness / light_limits.BLACK).clamp(0, 1)
    left = left * torch.where((level >= light_limits.WHITE_FROM) & (level < torch.inf), white, 1.0)
    return ab * left, confidence + (1 - confidence) * (1 - left)


def blacken(ab: Tensor, lightness: Tensor) -> Tensor:
    """Return a* and b* faded to 0 as L* falls from 1 to 0, as `light_limits.blacken`.

    Args:
        ab: a* and b*, shape (2, H, W).
        lightness: L*, shape (H, W).
    """
    return ab * (lightness / light_limits.BLACK).clamp(0, 1)


def roll_off(lightness: Tensor) -> Tensor:
    """Return L* as the models receive it, as `images.color.roll_off`.

    Args:
        lightness: L* of any shape, unbounded.
    """
    return torch.where(lightness <= 95, lightness.clamp_min(0), 100 - 25 / (lightness.clamp_min(95) - 90))


def _then(first: Tensor, second: Tensor) -> Tensor:
    """Return a change followed by another one of the same light."""
    gain, offset, coded = first.unbind(-1)
    return torch.stack([gain * second[..., 0], offset * second[..., 0] + second[..., 1], coded], -1)


def _in_codes(change: Tensor) -> Tensor:
    """Return a change as one of code values, as `light.LightChange.in_codes`."""
    gain, offset, coded = change.unbind(-1)
    dark, bright = light.GREYS.tolist()
    low, high = (lightness_of(gain * grey + offset) for grey in luminance_of(light.GREYS).tolist())
    contrast = ((high - low) / (bright - dark)).clamp(1 / light.MOST_CONTRAST, light.MOST_CONTRAST)
    one = torch.ones_like(coded)
    converted = torch.stack([contrast, low - contrast * dark, one], -1)
    kept = (coded == 1) | is_same(change)
    return torch.where(kept[..., None], torch.stack([gain, offset, one], -1), converted)


def _fit_line(before: Tensor, after: Tensor, *, coded: bool) -> Tensor:
    """Return the line through the quantiles of two pictures, shape (3,), as `light._fit_line`."""
    x, y = before, after
    if not coded:
        x, y = (_luminance_of(knots[None])[0] for knots in (before, after))
    dx, dy = x - x.mean(), y - y.mean()
    flat = light.FLAT[coded]
    gain = ((dx * dy).mean() + flat) / ((dx * dx).mean() + flat)
    gain = gain.clamp(1 / light.MOST_CONTRAST, light.MOST_CONTRAST)
    return torch.stack([gain, y.mean() - gain * x.mean(), torch.full_like(gain, float(coded))])


def _luminance_of(lightness: Tensor) -> Tensor:
    return lab_to_xyz(lightness, lightness.new_zeros((2, *lightness.shape[-2:])))[..., 1, :, :]


def _log_ratio(target: Tensor, other: Tensor) -> Tensor:
    lit, unlit = (_luminance_of(plane).clamp_min(light.LEAST_LUMINANCE) for plane in (target, other))
    return (lit / unlit).log().clamp(-math.log(light.MOST), math.log(light.MOST))


def _mean(values: Tensor, counted: Tensor, count: Tensor) -> Tensor:
    return (values * counted).sum() / count.clamp_min(1)


def _ramp(values: Tensor, bounds: tuple[float, float]) -> Tensor:
    low, high = bounds
    return ((values - low) / (high - low)).clamp(0, 1)
