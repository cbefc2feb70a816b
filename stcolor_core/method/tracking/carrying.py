"""Carry artist mattes from the frames that have them to the others, along the motion of each object.

Akimoto et al. 2020, section 3.3, expects instances on every frame. An artist gives a matte on a few. From each of these
it is carried outward in both directions, and between two of them the two results are mixed by their certainty. See
docs/method.md, "Mattes".

Every object is a layer that moves by itself (Wang and Adelson 1994): a shape, which goes on where another object hides
it, and the luminance that it was last seen with. On the next frame each pixel takes the layer that is expected there
and looks like it. So of two objects of the same texture the one that comes out from behind the other is recognised by
its motion, and what a moving object uncovers belongs to the background. Flow loses what turns or moves fast, so what a
place looks like (`tracking.appearance`) tells the objects from the background. Where the flow back to the matte's own
frame is sure, it decides instead, so that errors do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stcolor_core.arrays import Mask, Masks, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.tracking.appearance import Likeness
from stcolor_core.method.tracking.flow import FlowTracker, sample
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.layers import Layer
from stcolor_core.method.tracking.objects import around, blur_widely, find_objects

__all__ = ["CarriedObjects", "MatteCarrier", "combine_carried", "find_disputed"]

_RESIDUAL = 6.0  # L* difference at which trust in the flow falls to 1/e, as in refinement.candidates
_RESIDUAL_SIGMA = 0.7  # px at 216 lines
_CONSISTENT = 1.0  # px, forward-backward error at which trust in an object's motion falls to 1/e
_OUTLINE = 8.0  # px at 216 lines from an outline within which flow is less its own
_UNLIKE = 0.02  # likelihood of a layer that does not look like the pixel at all
_UNSEEN = 0.8  # likelihood of a background that was never seen
_RETREAT = 0.05  # prior of the background inside an object's expected shape
_GROWTH, _GROWTH_SIGMA = 0.3, 10.0  # prior of an object around its expected shape, and the sigma in px at 216 lines
# Exponent of the probability by appearance that a pixel is of an object or of the background: on an object's expected
# outline, where the features of either side reach across, and away from it. Then the sigma of the change, in px at 216
# lines.
_ON_OUTLINE, _OF_OBJECTS, _OUTLINE_SIGMA = 1.0, 5.0, 3.0
_OF_WHICH = 0.5  # exponent of the probability of which object: those of like texture are told apart by motion
_DOUBT = 0.1  # least probability by appearance
_AT_OUTLINE = 0.57  # mean probability of the background at true outlines: features look beyond their own cell
_SHARPER = 2.0  # exponent of the coverage where layers decide, so that outlines do not blur from frame to frame
_GONE, _RETURN = 0.1, 0.02  # share of its matte's area below which an object has left, and its prior anywhere then
_FAMILIAR, _FAMILIAR_RAMP = 0.5, 0.1  # similarity from which a place may be an object that comes back, and its ramp
_PLAINLY = (0.9, 0.98)  # probability by appearance from which what is left free may be, and is, plainly background
_PLAIN = 0.95  # certainty of that
_KEPT = 0.98  # of the certainty of the frame before where layers decide
_RADIUS = 2  # px at 216 lines, of the guided filter
_REGULAR = 9.0  # L*^2 of the guided filter
_NEAR = 3.0  # px at 216 lines from two sure places of different objects, within which a pixel is their outline
_DISPUTED = 0.25  # intersection over union of an object as carried from two sides, below which it may be another
_CLAIM = 0.1  # share of its larger area that each of the sides must see of it then
_DOUBTFUL = 0.5  # factor on the certainty of what one side alone says of such an object
_LEAST = 1e-3
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class CarriedObjects:
    """Objects on a frame that has no matte of its own.

    Attributes:
        coverage: Share of each pixel that each object covers, shape (K, H, W), 0..1; the background is the last.
        certainty: Probability that it is right, shape (H, W), 0..1.
    """

    coverage: Masks
    certainty: Plane


class MatteCarrier:
    """Carries the matte of one frame outward, frame by frame."""

    def __init__(self, lightness: Plane, mattes: Instances) -> None:
        """Start at a frame with a matte.

        Args:
            lightness: L* of the frame, shape (H, W), 0..100.
            mattes: Its mattes, named.
        """
        objects = find_objects(mattes)
        assert objects is not None
        self.names = objects.names
        self._origin, self._origin_coverage = lightness, objects.coverage
        self._tracker = FlowTracker(lightness, fine_onward=True)
        self._coverage = objects.coverage
        self._certainty = np.ones_like(lightness)
        self._layers = [Layer(part, lightness, part, np.zeros(2)) for part in objects.coverage]
        self._scale = max(1.0, len(lightness) / 216)

    def advance(self, lightness: Plane, likeness: Likeness) -> CarriedObjects:
        """Return the objects of the next frame outward.

        Args:
            lightness: L* of the frame, shape (H, W), 0..100.
            likeness: What the frame looks like.
        """
        looks = _balance(likeness.over(self.names, lightness.shape))
        link = self._tracker.advance(lightness)
        origin = np.stack([sample(part, link.displacement) for part in self._origin_coverage])
        trust = link.visibility * self._similarity(lightness - sample(self._origin, link.displacement))
        trust = trust * np.minimum(2 * _agreement(looks[-1], origin[-1]), 1)
        forward, onward = self._tracker.neighbour_link.displacement, self._tracker.onward
        error = np.linalg.norm(onward + sample(forward, onward), axis=-1)
        steady = np.exp(-((error / _CONSISTENT) ** 2)).astype(np.float32)
        layers = [
            layer.move(onward, seen, steady, outline=_OUTLINE * self._scale)
            for layer, seen in zip(self._layers, self._coverage, strict=True)
        ]
        familiar = np.clip((resize(likeness.similarity, lightness.shape) - _FAMILIAR) / _FAMILIAR_RAMP, 0, 1)
        decided = self._decide(lightness, layers, looks, familiar)
        coverage = _snap(trust * origin + (1 - trust) * decided, np.maximum(trust, 0.1), lightness, self._scale)
        coverage = trust * coverage + (1 - trust) * _sharpen(coverage)
        margin = _margin(decided)
        before = _KEPT * sample(self._certainty, forward)
        certainty = np.asarray(trust + (1 - trust) * np.minimum(before, margin), np.float32)
        low, high = _PLAINLY
        plainly = np.clip((looks[-1] - low) / (high - low), 0, 1) * (coverage[-1] > 0.5)
        certainty = np.maximum(certainty, _PLAIN * plainly, dtype=np.float32)
        self._layers = [
            layer.see(part, hidden, lightness)
            for layer, part, hidden in zip(layers, coverage, _hidden_by_objects(coverage), strict=True)
        ]
        self._coverage, self._certainty = coverage, certainty
        return CarriedObjects(coverage, certainty)

    def _decide(self, lightness: Plane, layers: Sequence[Layer], looks: Masks, familiar: Plane) -> Masks:
        """Return each object's share of each pixel by where its layer is expected and what it looks like, (K, H, W)."""
        likely = [self._similarity(lightness - layer.lightness) * (1 - _UNLIKE) + _UNLIKE for layer in layers]
        background = layers[-1]
        likely[-1] = background.known * likely[-1] + (1 - background.known) * _UNSEEN
        sigma = _GROWTH_SIGMA * self._scale
        priors = [np.maximum(layer.shape, _GROWTH * blur_widely(layer.shape, sigma)) for layer in layers[:-1]]
        for prior, layer, own in zip(priors, layers, self._origin_coverage, strict=False):
            if layer.shape.sum() < _GONE * own.sum():  # it has left the picture, and may come back anywhere
                np.maximum(prior, _RETURN * familiar, out=prior)
        covered = sum((layer.shape for layer in layers[:-1]), np.zeros_like(lightness))
        free = np.maximum(1 - covered, _RETREAT)
        scores = np.stack([prior * like for prior, like in zip([*priors, free], likely, strict=True)])
        scores *= _weigh(looks, _is_outline(covered, sigma=_OUTLINE_SIGMA * self._scale))
        return np.asarray(scores / np.maximum(scores.sum(0), 1e-9), np.float32)

    def _similarity(self, difference: Plane) -> Plane:
        """Return 0..1, how small differences in L* are around each pixel."""
        smooth = cv2.GaussianBlur(np.abs(difference), (0, 0), _RESIDUAL_SIGMA * self._scale)
        return np.asarray(np.exp(-((smooth / _RESIDUAL) ** 2)), np.float32)


def _balance(looks: Masks) -> Masks:
    """Return the probabilities by appearance, (K, H, W), with even odds of object and background at outlines."""
    background = looks[-1] * (1 - _AT_OUTLINE)
    objects = looks[:-1] * _AT_OUTLINE
    shares = np.concatenate([objects, background[None]]) / np.maximum(objects.sum(0) + background, _TINY)
    return np.asarray(shares, np.float32)


def _sharpen(coverage: Masks) -> Masks:
    """Return coverage, (K, H, W), with less of what is not the largest share of a pixel."""
    powered = coverage**_SHARPER
    return np.asarray(powered / np.maximum(powered.sum(0), _TINY), np.float32)


def _is_outline(covered: Plane, *, sigma: float) -> Plane:
    """Return how near each pixel is to the outline of what objects cover, shape (H, W), 1 on it, 0 far from it."""
    return np.asarray(1 - np.abs(2 * blur_widely(np.clip(covered, 0, 1), sigma) - 1), np.float32)


def _weigh(looks: Masks, outline: Plane) -> Masks:
    """Return how far the appearance of each pixel speaks for each object, (K, H, W).

    Args:
        looks: Probabilities by appearance, shape (K, H, W), 0..1; the background is the last.
        outline: From `_is_outline`.
    """
    exponent = _OF_OBJECTS - (_OF_OBJECTS - _ON_OUTLINE) * outline
    objects = looks[:-1].sum(0)
    of_objects = np.maximum(objects, _DOUBT) ** exponent
    which = np.maximum(looks[:-1] / np.maximum(objects, 1e-6), _DOUBT) ** _OF_WHICH
    return np.concatenate([of_objects * which, np.maximum(looks[-1:], _DOUBT) ** exponent])


def _agreement(first: Plane, second: Plane) -> Plane:
    """Return the probability that both are background or both an object, from those of background, (H, W), 0..1."""
    return np.asarray(first * second + (1 - first) * (1 - second), np.float32)


def _margin(coverage: Masks) -> Plane:
    """Return by how much the largest of the K shares of each pixel exceeds the next one, (H, W)."""
    if len(coverage) == 1:
        return np.asarray(coverage[0])
    largest, second = np.maximum(coverage[0], coverage[1]), np.minimum(coverage[0], coverage[1])
    for part in coverage[2:]:
        np.maximum(second, np.minimum(largest, part), out=second)
        np.maximum(largest, part, out=largest)
    return np.asarray(largest - second)


def _hidden_by_objects(coverage: Masks) -> list[Mask]:
    """Return for each of the K objects where another one, not the background, is seen."""
    front = coverage[:-1] > 0.5
    count = front.sum(0)
    return [count - part > 0 for part in front] + [np.asarray(count > 0)]


def combine_carried(objects: Sequence[tuple[tuple[str, ...], CarriedObjects, float]]) -> Instances:
    """Return a frame's mattes from those carried to it.

    Args:
        objects: The names, the objects and the share by nearness in time of each matte that was carried here.
    """
    shape = objects[0][1].certainty.shape
    names = sorted({name for own, _, _ in objects for name in own[:-1]})
    sums = np.zeros((len(names) + 1, *shape), np.float32)
    total, doubt = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    for own, carried, nearness in objects:
        weight = nearness**2 * (carried.certainty**2 + _LEAST)
        for name, part in zip(own, carried.coverage, strict=True):
            sums[names.index(name) if name else -1] += weight * part
        total += weight
        doubt *= 1 - carried.certainty
    coverage = np.asarray(sums / total, np.float32)
    certainty = np.clip((1 - doubt) * coverage.max(0), 0, 1).astype(np.float32)
    sides = [(own, carried) for own, carried, _ in objects]
    for name in find_disputed(sides):
        first, second = (_seen(name, *side) for side in sides)
        certainty[first != second] *= _DOUBTFUL
    return Instances(
        np.ascontiguousarray(np.clip(coverage[:-1], 0, 1)),
        np.zeros(len(names), np.int32),
        np.ones(len(names), np.float32),
        tuple(names),
        _trust_outlines(coverage, certainty),
    )


def find_disputed(sides: Sequence[tuple[tuple[str, ...], CarriedObjects]]) -> frozenset[str]:
    """Return the objects that both sides see, but elsewhere: one of them has taken it for another.

    Args:
        sides: The names and the objects of each matte that was carried to a frame; nothing is disputed with one.
    """
    if len(sides) < 2:
        return frozenset()
    disputed = set()
    for name in set(sides[0][0][:-1]).intersection(sides[1][0][:-1]):
        first, second = (_seen(name, *side) for side in sides)
        areas = int(first.sum()), int(second.sum())
        if min(areas) > _CLAIM * max(areas) and (first & second).sum() < _DISPUTED * (first | second).sum():
            disputed.add(name)
    return frozenset(disputed)


def _seen(name: str, names: tuple[str, ...], carried: CarriedObjects) -> Mask:
    """Return where an object covers half of a pixel and more, shape (H, W), bool."""
    return np.asarray(carried.coverage[names.index(name)] > 0.5)


def _trust_outlines(coverage: Masks, certainty: Plane) -> Plane:
    """Return the certainty with that of an outline as large as beside it, (H, W): its share of each side is no doubt.

    Args:
        coverage: Share of each pixel that each object and the background cover, shape (K, H, W), 0..1.
        certainty: Probability that it is right, shape (H, W), 0..1.
    """
    radius = round(_NEAR * max(1.0, len(certainty) / 216))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    label = coverage.argmax(0)
    largest, second = np.zeros_like(certainty), np.zeros_like(certainty)
    for index in range(len(coverage)):
        own = label == index
        if own.any():
            box = around(own, margin=radius)
            near = np.asarray(cv2.dilate(np.where(own[box], certainty[box], np.float32(0)), disc))
            second[box] = np.maximum(second[box], np.minimum(largest[box], near))
            largest[box] = np.maximum(largest[box], near)
    return np.maximum(certainty, second)


def _snap(coverage: Masks, weight: Plane, lightness: Plane, scale: float) -> Masks:
    """Return coverage as a weighted local linear function of L*: sure pixels decide for the unsure ones around them.

    He et al. 2013, "Guided Image Filtering", with a weight for each pixel.
    """
    window = (2 * round(_RADIUS * scale) + 1,) * 2
    norm = np.maximum(cv2.blur(weight, window), 1e-6)

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.blur(plane * weight, window) / norm)

    light_mean = mean(lightness)
    variance = np.maximum(mean(lightness * lightness) - light_mean**2, 0) + _REGULAR
    result = np.empty_like(coverage)
    for index, part in enumerate(coverage):
        part_mean = mean(part)
        slope = (mean(lightness * part) - light_mean * part_mean) / variance
        offset = part_mean - slope * light_mean
        guided = cv2.blur(slope, window) * lightness + cv2.blur(offset, window)
        result[index] = weight * part + (1 - weight) * guided
    result = np.clip(result, 0, 1)
    return np.asarray(result / np.maximum(result.sum(0), 1e-6), np.float32)
