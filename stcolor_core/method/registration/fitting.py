"""The frame that a keyframe shows, its alignment with it, and its light, by luminance."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import roll_off
from stcolor_core.method.registration.alignment import Alignment, add_flow, affine_misfit, find_alignment
from stcolor_core.method.registration.tone import Tone, difference, fit_tone

__all__ = ["find_frame", "fit", "lightness_of_keyframe"]

_NEIGHBOUR_GAIN = 0.75  # a neighbour must leave at most this share of the own frame's misfit
_WORTH_MOVING = 0.6  # of the difference of L* in place, that a clipped picture may leave at most once moved


def lightness_of_keyframe(lab: Image) -> Plane:
    """Return the L* of a keyframe, limited as that of plates is, shape (H, W).

    Args:
        lab: CIELAB, shape (H, W, 3).
    """
    return np.ascontiguousarray(roll_off(lab[..., 0]), np.float32)


def find_frame(
    key: Plane, known: Mask | None, *, frame: int, others: Iterable[int], lightness_of: Callable[[int], Plane]
) -> tuple[int, float]:
    """Return the frame that a picture shows, and its misfit there.

    Args:
        key: Its L*, shape (H, W), 0..100.
        known: What is compared of it, shape (H, W), bool; None for everything.
        frame: The frame at which it was given.
        others: The other frames that it may show.
        lightness_of: Returns the L* of a plate frame.
    """
    own = affine_misfit(lightness_of(frame), key, known)
    misfits = {other: affine_misfit(lightness_of(other), key, known) for other in others}
    best = min(misfits, key=lambda other: misfits[other], default=frame)
    if best != frame and misfits[best] < _NEIGHBOUR_GAIN * own:
        return best, misfits[best]
    return frame, own


def fit(
    lab: Image, known: Mask | None, lightness: Plane, pixel: float, *, is_clipped: bool
) -> tuple[Alignment, tuple[Tone, ...]]:
    """Return the alignment of a picture with the frame that it shows, and the models of its light.

    Flow is found last, in the plate's light, since another light can look like motion; then the light is fitted again,
    since misplaced edges can look like softness.

    Args:
        lab: The picture in CIELAB, shape (H, W, 3).
        known: What is compared of it, shape (H, W), bool; None for everything.
        lightness: The plate's L*, shape (H, W), 0..100.
        pixel: Side of one of its own pixels in px.
        is_clipped: Whether what is known leaves out what is clipped.
    """
    alignment = find_alignment(lightness, lightness_of_keyframe(lab), known)
    tones = _fit_aligned(lab, known, lightness, alignment)
    toned = lab
    for tone in tones:
        toned = tone.apply(toned)
    with_flow = add_flow(alignment, lightness, lightness_of_keyframe(toned), known, pixel=pixel)
    if with_flow.flow is not None:
        alignment, tones = with_flow, _fit_aligned(lab, known, lightness, with_flow)
    if is_clipped and alignment.moves:  # around holes an alignment is drawn by what has bled from them
        still = Alignment(np.eye(2, 3), lightness.shape)
        in_place = _fit_aligned(lab, known, lightness, still)
        if _left(lab, known, lightness, alignment, tones) > _WORTH_MOVING * _left(
            lab, known, lightness, still, in_place
        ):
            return still, in_place
    return alignment, tones


def _left(lab: Image, known: Mask | None, lightness: Plane, alignment: Alignment, tones: Iterable[Tone]) -> float:
    """Return the mean difference of L* that is left of a picture once registered."""
    counted = np.ones(lightness.shape, bool) if known is None else known
    if alignment.moves:
        lab, counted = alignment.sample(lab), alignment.sample_mask(counted)
    for tone in tones:
        lab = tone.apply(lab)
    return difference(lab, lightness, counted)


def _fit_aligned(lab: Image, known: Mask | None, lightness: Plane, alignment: Alignment) -> tuple[Tone, ...]:
    counted = np.ones(lightness.shape, bool) if known is None else known
    if not alignment.moves:
        return fit_tone(lab, lightness, counted)
    return fit_tone(alignment.sample(lab), lightness, alignment.sample_mask(counted))
