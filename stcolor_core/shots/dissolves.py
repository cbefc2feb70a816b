"""Find dissolves and fades between scenes, beside cuts, from luminance alone.

In a dissolve from a picture A to a picture B every frame is nearly A + a (B - A), with a share a that rises from 0 to
1. The finder looks for stretches of frames that lie on such a line, follows the share to both ends of the ramp, and
corrects these by the curve of the mixture (`mixing_curve`). A logistic regression judges the stretch. A fade through
black or white is a stretch of low contrast, or a cut between two dark frames, towards which the picture draws nearer
from frame to frame. It counts only if the scene changes behind it.

Every decision depends on a bounded number of frames around it, so a long shot is searched in chunks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.images.color import luminance_of
from stcolor_core.shots.cuts import CutDetector
from stcolor_core.shots.light_changes import SceneComparison
from stcolor_core.shots.mixing_curve import MixingCurve, fit_fade_curve, fit_mixing_curve, measure_picture
from stcolor_core.shots.thumbnails import SAME_SCENE, Describe, Thumbnail, feature_similarity, flow_difference, shrink
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions

__all__ = ["AHEAD", "BEHIND", "LONGEST", "TransitionDetector"]

LONGEST = 56  # most frames of a dissolve
_REACH = 18  # frames around a dissolve that its ends are judged by
# frames before and after a frame on which it depends whether a dissolve ends there: others overlap with it
BEHIND, AHEAD = 3 * (LONGEST + _REACH), 2 * (LONGEST + _REACH)
_LENGTHS = (4, 6, 9, 13, 19, 27, 40)  # of the stretches that are tried
_CHUNK = 1024  # frames that are searched at a time
_SIZE = (32, 18)  # columns and rows of the pictures that are compared, blurred so that motion matters less
_CONTRAST = 8.0  # L*, least root mean square difference between the two scenes
_LOOSE = 0.5  # largest relative distance from the line, in the first sieve
_LEAP = 0.6  # share that changes within one frame only in a cut: a dissolve of one frame changes it by a half
_SLOPE = 0.3  # share of the ramp's mean slope at which it ends
_ROUNDS = 3  # of following the ramp to its ends; each starts from the frames that the one before found
_SURE = 0.9  # certainty from which the one of two stretches is better that was found more often
_CACHED = 32  # thumbnails whose features are kept: neighbouring candidates share their ends; 0.3 MB each
_BLANK = 0.002  # standard deviation of luminance in a blank picture
_FADE = 3.0  # least ratio of the distances from the blank picture of a scene and of the end of its fade
_FADE_STEP = 1.03  # least ratio of the distances of two neighbouring frames of a fade
_FADE_LAPSE = 3  # frames over which that holds on average around a blank picture, as things move in a fade too
_FADE_FRAMES = 3  # least length of a fade
_ONE_SCENE, _SURELY = 0.5, 0.6  # probability from which a lapse, or what looks like a mixture, is a change of light
_UNLIKE = (1.0, 0.3)  # difference and similarity of two scenes that have nothing in common
_MEASURED = 128  # pictures whose measures are kept: those around a few neighbouring candidates
# of the sieve, on the measures of `_Pictures.measure_line` and the difference and similarity of the scenes
_SIEVE = np.array([-4.1, -15.8, -25.4, 3.0, -15.0])
_SIEVE_INTERCEPT = 9.2
_WORTH = 0.1  # probability by the sieve, were the scenes unlike, from which a stretch is worth a closer look
# of the regression, on the same measures between the ends of the fitted curve, and its misfit; fitted to dissolves
# between clips of footage as they are and at double and triple speed, and to fast footage without any
_COEFFICIENTS = np.array([-0.4, -6.1, -11.5, 7.3, -15.1, -1.3])
_INTERCEPT = -2.2  # 1.1 less than fitted, since a false dissolve costs more than a missed one


class TransitionDetector:
    """Finds the cuts, dissolves and fades of a shot that arrives one frame at a time.

    Args:
        describe: Returns the features of a thumbnail; see `CutDetector`.
        check: Called again and again while frames are searched, which takes seconds; it may end the search by raising.
    """

    def __init__(self, describe: Describe, *, check: Callable[[], None] = lambda: None) -> None:
        self._describe, self._check, self._cuts = describe, check, CutDetector(describe)
        self._boundaries: list[Boundary] = []
        self._dissolves: list[Dissolve] = []
        self._numbers: list[int] = []
        self._thumbnails: list[Plane] = []
        self._searched = 0  # index of the first frame of which a dissolve that ends there was not decided yet

    def add(self, frame: int, lightness: Plane) -> None:
        """Take the next frame.

        Args:
            frame: Number of the frame.
            lightness: L*, as for `CutDetector.add`.
        """
        self._boundaries += self._cuts.add(frame, lightness)
        self._numbers.append(frame)
        self._thumbnails.append(shrink(lightness))
        if len(self._numbers) >= _CHUNK:
            self._search(len(self._numbers) - AHEAD)
            kept = max(0, self._searched - BEHIND)
            del self._numbers[:kept], self._thumbnails[:kept]
            self._searched -= kept

    def finish(self) -> Transitions:
        """Return the transitions. A cut within a dissolve is a part of it."""
        self._boundaries += self._cuts.finish()
        self._search(len(self._numbers))
        inside = {
            boundary
            for boundary in self._boundaries
            for dissolve in self._dissolves
            if dissolve.first <= boundary.frame <= dissolve.last + 1
        }
        found = sorted((d for d in self._dissolves if d.certainty >= 0.5), key=lambda dissolve: dissolve.first)
        apart = [b for a, b in pairwise([None, *found]) if a is None or b.first > a.last + 1]  # type: ignore[union-attr]
        return Transitions(
            tuple(boundary for boundary in self._boundaries if boundary not in inside),
            tuple(dissolve for dissolve in apart if dissolve is not None),
        )

    def _search(self, end: int) -> None:
        """Find the dissolves that end before the frame at the index `end` and were not searched for yet."""
        pictures = _Pictures(self._thumbnails, self._describe, self._check)
        cuts = [self._index(boundary) for boundary in self._boundaries]
        certain = [self._index(boundary) for boundary in self._boundaries if boundary.is_cut]
        found = [*pictures.mixtures(certain), *pictures.fades(cuts), *pictures.lapses()]
        for stretch in found:
            best = max((other for other in found if other.overlaps(stretch)), key=_Stretch.rank)
            if self._searched <= stretch.last < end and stretch == best:
                first, last = self._numbers[stretch.first], self._numbers[stretch.last]
                self._dissolves.append(Dissolve(first, last, round(stretch.certainty, 4)))
        self._searched = end

    def _index(self, boundary: Boundary) -> int:
        return bisect_left(self._numbers, boundary.frame)


@dataclass(frozen=True)
class _Stretch:
    """Frames that may be a dissolve, by their index: the first and the last mixed one.

    Attributes:
        first: Index of the first mixed frame.
        last: That of the last one.
        certainty: Probability that it is a dissolve, 0..1.
        votes: From how many assumed stretches its curve was found.
        misfit: As in `MixingCurve`.
        fade: Whether it goes through a blank picture.
    """

    first: int
    last: int
    certainty: float
    votes: int = 1
    misfit: float = 0.0
    fade: bool = False

    def overlaps(self, other: _Stretch) -> bool:
        return self.first <= other.last and other.first <= self.last

    def rank(self) -> tuple[bool, float, int, float, int]:
        """Return what decides between overlapping stretches: half of a fade also looks like a dissolve into black."""
        return self.fade, min(self.certainty, _SURE), self.votes, -self.misfit, -self.first


class _Pictures:
    """The thumbnails of some frames in the order of time."""

    def __init__(self, thumbnails: Sequence[Plane], describe: Describe, check: Callable[[], None]) -> None:
        self._check = check
        self._thumbnail = lru_cache(_CACHED)(lambda index: Thumbnail(index, thumbnails[index], describe))
        self._scenes = SceneComparison(thumbnails, describe)
        small = [cv2.resize(thumbnail, _SIZE, interpolation=cv2.INTER_AREA) for thumbnail in thumbnails]
        self._small = np.array([cv2.GaussianBlur(picture, (0, 0), 1.0).ravel() for picture in small], np.float32)
        self._luminance = luminance_of(self._small) if len(small) else np.zeros((0, 1), np.float32)
        self._measures = lru_cache(_MEASURED)(lambda index: measure_picture(thumbnails[index]))

    def mixtures(self, cuts: Sequence[int]) -> Iterator[_Stretch]:
        """Yield stretches whose frames lie on a line between two different pictures.

        Args:
            cuts: The first frames of new scenes, in ascending order. No curve is fitted to frames beyond one.
        """
        seen: set[tuple[int, int]] = set()
        curves: list[MixingCurve] = []
        for before, after in sorted(pair for length in _LENGTHS for pair in self._near_lines(length)):
            self._check()
            ends = self._follow_ramp(before, after)
            if ends in seen or not 2 <= ends[1] - ends[0] - 1 <= LONGEST:
                continue
            seen.add(ends)
            if self._is_worth_a_look(*ends):
                scenes = range(
                    max((cut for cut in cuts if cut <= ends[0]), default=0),
                    min((cut for cut in cuts if cut > ends[1]), default=len(self._small)),
                )
                curve = fit_mixing_curve(self._measures, scenes, ends[0] + 1, ends[1] - 1, longest=LONGEST)
                curves += [] if curve is None else [curve]
        votes = Counter((curve.first, curve.last) for curve in curves)
        best = {(curve.first, curve.last): curve for curve in sorted(curves, key=lambda curve: -curve.misfit)}
        for (first, last), curve in best.items():
            self._check()
            certainty = self._certainty(curve)
            if certainty >= 0.5:
                yield _Stretch(first, last, certainty, votes[first, last], curve.misfit)

    def fades(self, cuts: Iterable[int]) -> Iterator[_Stretch]:
        """Yield fades to and from a blank picture, or a cut between two dark ones.

        Their certainty is that of a cut between the frames around them; 0 if the shot begins or ends there.

        Args:
            cuts: The first frames of new scenes.
        """
        contrast = self._luminance.std(axis=1)
        blank = contrast < _BLANK
        edges = np.flatnonzero(np.diff(np.concatenate([[False], blank, [False]]).astype(int)))
        bottoms = {
            *map(tuple, edges.reshape(-1, 2).tolist()),
            *((cut, cut) for cut in cuts if not blank[cut - 1 : cut + 1].any()),
        }
        for start, stop in sorted(bottoms):
            self._check()
            height, lapse = contrast, 1  # of a cut, of which little says that it is the bottom of a fade
            if stop > start:
                height, lapse = np.abs(self._luminance - self._luminance[start].mean()).mean(axis=1), _FADE_LAPSE
            left, right = _climb(height, start, -1, lapse=lapse), _climb(height, stop - 1, 1, lapse=lapse)
            if max(start - left, right - stop + 1) < _FADE_FRAMES or stop - start > LONGEST:
                continue
            if left < start:
                left = start - self._fit_fade(start, start - left, -1)
            if right >= stop:
                right = stop - 1 + self._fit_fade(stop - 1, right - stop + 1, 1)
            before, after = left - 1, right + 1
            inside = before >= 0 and after < len(self._small)
            certainty = 1 - self._scenes.one_scene_certainty(before, after) if inside else 0.0
            yield _Stretch(left, right, certainty, fade=True)

    def lapses(self) -> Iterator[_Stretch]:
        """Yield stretches in which the picture is lost and the same scene comes back: their certainty is 0."""
        for first, last in self._scenes.lapses():
            self._check()
            if self._scenes.one_scene_certainty(first - 1, last + 1) >= _ONE_SCENE:
                yield _Stretch(first, last, 0.0, fade=True)

    def _fit_fade(self, blank: int, frames: int, step: int) -> int:
        """Return the number of frames of a fade beside a blank picture, in one direction of time."""
        room = blank if step < 0 else len(self._small) - 1 - blank
        return fit_fade_curve(lambda away: self._measures(blank + step * away), room, frames, longest=LONGEST // 2)

    def _near_lines(self, length: int) -> Iterator[tuple[int, int]]:
        """Yield pairs of frames, that many apart, whose middle frame is nearly a mixture of both."""
        count = len(self._small) - length - 1
        if count <= 0:
            return
        a, b = self._small[:count], self._small[length + 1 :]
        middle = self._small[(length + 1) // 2 :][:count]
        change = b - a
        energy = np.maximum((change**2).sum(axis=1), 1e-6)
        share = ((middle - a) * change).sum(axis=1) / energy
        distance = np.sqrt(((middle - a - share[:, None] * change) ** 2).sum(axis=1) / energy)
        distance[(share < 0.25) | (share > 0.75) | (energy < _CONTRAST**2 * a.shape[1])] = np.inf
        around = np.lib.stride_tricks.sliding_window_view(np.pad(distance, 2, constant_values=np.inf), 5)
        for before in np.flatnonzero((distance < _LOOSE) & (distance == around.min(axis=1))).tolist():
            yield before, before + length + 1

    def _shares(self, before: int, after: int, first: int, last: int) -> NDArray[np.float64]:
        """Return the share of the picture `after` in each of some frames, 0 in `before`."""
        a = self._small[before].astype(float)
        change = self._small[after] - a
        return np.asarray((self._small[first : last + 1] - a) @ change / max(change @ change, 1e-6))

    def _follow_ramp(self, before: int, after: int) -> tuple[int, int]:
        """Return the last frame before and the first frame after the ramp on which two frames lie."""
        for _ in range(_ROUNDS):
            first, last = max(0, before - _REACH // _ROUNDS), min(len(self._small) - 1, after + _REACH // _ROUNDS)
            shares = self._shares(before, after, first, last)
            slope = np.convolve(np.pad(np.gradient(shares), 1, mode="edge"), np.full(3, 1 / 3), "valid") * (
                after - before
            )
            middle = (before + after) // 2 - first
            flat = np.flatnonzero(slope < _SLOPE)
            left, right = flat[flat <= middle], flat[flat > middle]
            before = first + (int(left[-1]) if len(left) else 0)
            after = first + (int(right[0]) if len(right) else last - first)
        return before, after

    def measure_line(self, before: int, after: int) -> NDArray[np.float64]:
        """Return what tells a dissolve from a moving camera, for the frames around it, relative to the whole change.

        The largest distance from the line, the deviation from an even ramp, and the motion beside the line.
        """
        a = self._small[before].astype(float)
        change = self._small[after] - a
        energy = max(change @ change, 1e-6)
        shares = self._shares(before, after, before, after)
        off = self._small[before : after + 1] - a - shares[:, None] * change
        distance = np.sqrt((off**2).sum(axis=1) / energy)
        count = after - before
        motion = np.sqrt((np.diff(off, axis=0) ** 2).sum(axis=1) / energy)
        uneven = np.sqrt(np.mean((shares - np.linspace(0, 1, count + 1)) ** 2))
        core = distance[count // 4 : count + 1 - count // 4]
        return np.array([core.max(), uneven, np.median(motion)])

    def _is_worth_a_look(self, before: int, after: int) -> bool:
        """Return whether there may be a dissolve between two frames, by what takes little time."""
        if self._leaps(before, after):
            return False
        line = self.measure_line(before, after)
        if _probability([*line, *_UNLIKE], _SIEVE, _SIEVE_INTERCEPT) < _WORTH:
            return False
        return flow_difference(self._thumbnail(before), self._thumbnail(after)) > SAME_SCENE

    def _certainty(self, curve: MixingCurve) -> float:
        """Return the probability of a dissolve along a curve. The frames beside it show one scene each."""
        before, after = curve.first - 1, curve.last + 1
        if self._leaps(before, after):
            return 0.0
        line, (_, least) = self.measure_line(before, after), _UNLIKE
        a, b = self._thumbnail(before), self._thumbnail(after)
        if (difference := flow_difference(a, b)) <= SAME_SCENE:
            return 0.0
        best = _probability([*line, difference, least, curve.misfit], _COEFFICIENTS, _INTERCEPT)
        if best < 0.5:  # the features need no comparison, which takes much longer
            return best
        certainty = _probability([*line, difference, feature_similarity(a, b), curve.misfit], _COEFFICIENTS, _INTERCEPT)
        is_light = certainty >= 0.5 and self._scenes.one_scene_certainty(before, after) >= _SURELY
        return 0.0 if is_light else certainty

    def _leaps(self, before: int, after: int) -> bool:
        """Return whether the picture changes within one frame, as at a cut between two calm scenes."""
        return bool(np.abs(np.diff(self._shares(before, after, before, after))).max() > _LEAP)


def _climb(height: NDArray[np.float32], bottom: int, step: int, *, lapse: int) -> int:
    """Return the outermost frame of a fade that begins beside its blank picture, in one direction of time.

    Args:
        height: The distance of each frame from the blank picture.
        bottom: The frame from which the fade climbs.
        step: 1 or -1.
        lapse: Frames over which the fade climbs on average.
    """
    frame = start = bottom + step if step < 0 else bottom + 1
    while abs(frame - start) < LONGEST // 2:
        ahead = [
            frame + count * step
            for count in range(1, lapse + 1)
            if 0 <= frame + count * step < len(height)
            and height[frame + count * step] > _FADE_STEP**count * height[frame]
        ]
        if not ahead:
            break
        frame = ahead[0]
    if not 0 <= frame < len(height) or height[frame] < _FADE * max(height[start], _BLANK):
        return start - step  # no fade
    return frame - step  # the last frame of the climb shows the scene in full


def _probability(measures: list[float], coefficients: NDArray[np.float64], intercept: float) -> float:
    return float(1 / (1 + np.exp(-(np.array(measures) @ coefficients + intercept))))
