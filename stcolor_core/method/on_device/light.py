"""Changes of light between two pictures, on tensors: `method.light` without decisions that wait for the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from stcolor_core.method import light
from stcolor_core.method.tensor_color import compress, lab_to_xyz, linear_to_xyz, xyz_to_linear
from stcolor_core.method.tensor_color import lightness as lightness_of
from stcolor_core.method.tensor_pictures import blur, resize

__all__ = [
    "blacken",
    "clipping_level",
    "is_clipped",
    "local_exposure",
    "overall_exposure",
    "relight",
    "relight_lightness",
    "roll_off",
    "to_same_light",
]


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


def local_exposure(target: Tensor, other: Tensor, visibility: Tensor) -> Tensor:
    """Return the same factor around each pixel, shape (H, W), as `light.local_exposure`.

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
    return resize(trust * mean.clamp(-light.MOST_LOCAL, light.MOST_LOCAL), (height, width)).exp()


def clipping_level(lightness: Tensor) -> Tensor:
    """Return the linear light at which a picture is clipped, of no dimensions, as `light.clipping_level`.

    Args:
        lightness: L*, shape (H, W), 0..100.
    """
    brightest = lightness.amax()
    level = _luminance_of((90 + 25 / (100 - brightest).clamp_min(0.01)).reshape(1, 1)).reshape(())
    share = (lightness >= roll_off(lightness_of(level * light.CLIPPED_FROM))).float().mean()
    clipped = (brightest >= light.BRIGHTEST) & (brightest < light.FARTHEST) & (share >= light.LEAST_CLIPPED)
    return torch.where(clipped, level, torch.inf)


def is_clipped(lightness: Tensor, ab: Tensor, most: Tensor) -> Tensor:
    """Return where a colour is clipped, shape (H, W), bool, as `light.is_clipped`.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        most: Linear light at which red, green and blue are clipped, of no dimensions.
    """
    return xyz_to_linear(lab_to_xyz(lightness, ab)).amax(0) >= light.CLIPPED_FROM * most


def relight(lightness: Tensor, ab: Tensor, exposure: Tensor, *, most: Tensor) -> tuple[Tensor, Tensor]:
    """Return a colour in changed light, as `light.relight`.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        exposure: Factor on linear light, above 0, of no dimensions or of shape (H, W).
        most: Linear light at which red, green and blue are clipped, of no dimensions.
    """
    xyz = lab_to_xyz(lightness, ab) * exposure
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


def to_same_light(target: Tensor, other: Tensor, exposure: Tensor) -> tuple[Tensor, Tensor]:
    """Return two pictures in the light of the brighter one, as `light.to_same_light`; as they are if the exposure is 1.

    Args:
        target: L* of pictures, shape (..., H, W).
        other: L* of other pictures, of the same shape.
        exposure: Factors that bring the others to the targets' light, broadcasting to that shape.
    """
    lit = torch.where(exposure < 1, relight_lightness(target, 1 / exposure), target)
    return lit, torch.where(exposure > 1, relight_lightness(other, exposure), other)


def blacken(ab: Tensor, lightness: Tensor) -> Tensor:
    """Return a* and b* faded to 0 as L* falls from 1 to 0, as `light.blacken`.

    Args:
        ab: a* and b*, shape (2, H, W).
        lightness: L*, shape (H, W).
    """
    return ab * (lightness / light.BLACK).clamp(0, 1)


def roll_off(lightness: Tensor) -> Tensor:
    """Return L* as the models receive it, as `images.color.roll_off`.

    Args:
        lightness: L* of any shape, unbounded.
    """
    return torch.where(lightness <= 95, lightness.clamp_min(0), 100 - 25 / (lightness.clamp_min(95) - 90))


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
