"""What was found about a keyframe that was coloured elsewhere: what it needs to fit the plate, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import Alignment
from stcolor_core.method.registration.crop import Place
from stcolor_core.method.registration.painted import PaintedLightness
from stcolor_core.method.registration.tone import GRAIN_SMOOTHED, Tone
from stcolor_core.method.registration.wording import describe_moves, enumerate_parts

__all__ = ["CLEANED", "Registration"]

CLEANED = "its compression or grain cleaned"  # as it is said to the artist

_HELD = 0.03  # of the height: how far beyond the picture's border its colour is held
_FITTED = 1.02  # scale of a picture that was fitted between bars
_MOSTLY_GREY = 0.5  # of it: a large part is told, as it may be a mistake
_ENLARGED = 0.96  # scale of a picture that shows only a part of the frame
_TOLD = 0.005  # of it: a part that is told
_NEARLY_ALL = 0.995  # of the frame


@dataclass(frozen=True)
class Registration:
    """What a keyframe needs to fit the plate, found at working size.

    Attributes:
        frame: The plate frame that the picture shows; None if it is none of those compared.
        alignment: From that plate frame to the picture; None if nothing is moved.
        tones: Models of its light, in the order to apply them once it is aligned.
        clean: Whether its chroma is cleaned of compression and grain.
        used: Pixels of the plate frame whose colour fits, shape (h, w), bool; None for all.
        certainty: Probability that the colour is right, shape (h, w), 0..1; None for 1 everywhere.
        unused: Share of the picture's known part that does not fit and is not used, 0..1.
        by_color: Whether its luminance lies where it belongs, so that frame and alignment are those of its colours.
        beside: Share of the picture in which its colours lie beside the plate's edges, if that is only a part; 0 for
            none.
        place: Where it lies on that plate frame, if it shows only a part of it; None if it shows the whole.
        grey: Share of its known part that is filled with grey, black or white, which tells nothing of the plate, 0..1.
        doubtful: Share of its known part that has another lightness than the plate and stays as it came, 0..1.
        few_levels: Whether it was reduced to few levels or colours, so that most of them are wrong by a little.
        bars: Its bars, such as those of a film format, or what surrounds a cut-out, which lend no colour, shape (h, w),
            bool; None if it has none.
        surround: The colour of what surrounds a cut-out; "" if that is not what `bars` are.
    """

    frame: int | None
    alignment: Alignment | None = None
    tones: tuple[Tone, ...] = ()
    clean: bool = False
    used: Mask | None = None
    certainty: Plane | None = None
    unused: float = 0.0
    by_color: bool = False
    beside: float = 0.0
    place: Place | None = None
    grey: float = 0.0
    doubtful: float = 0.0
    few_levels: bool = False
    bars: Mask | None = None
    surround: str = ""

    @property
    def changes_pixels(self) -> bool:
        """Return whether anything is moved, relit, cleaned or left out."""
        masks = self.used is not None or self.bars is not None
        return bool(masks or self.place or self.alignment or self.tones or self.clean)

    @property
    def painted(self) -> PaintedLightness | None:
        """Return over which other lightness its colours were painted; None if over none."""
        return next((tone for tone in self.tones if isinstance(tone, PaintedLightness)), None)

    @property
    def shows_part(self) -> bool:
        """Return whether it is a part of the frame that was enlarged to the frame's size."""
        return self.alignment is not None and not self.by_color and self.alignment.scale < _ENLARGED

    @property
    def _between_bars(self) -> bool:
        """Return whether the frame is smaller between the bars, which cover nothing of it."""
        has_bars = self.bars is not None and not self.surround
        return has_bars and self.alignment is not None and self.alignment.scale > _FITTED

    def apply(self, lab: Image, known: Mask | None, lightness: Plane) -> tuple[Image, Mask | None]:
        """Return the registered picture and where its colour is known.

        Args:
            lab: The keyframe in CIELAB on the plate's canvas, shape (H, W, 3).
            known: Where its colour is known, shape (H, W), bool; None for everywhere.
            lightness: L* of the plate frame that it shows, shape (H, W), 0..100.

        Returns:
            CIELAB and the mask, of the same shapes; the arguments themselves if nothing is to be done.
        """
        height, width = lightness.shape
        if self.bars is not None:
            inside = resize((~self.bars).astype(np.float32), lab.shape[:2]) > 0.98
            known = inside if known is None else known & inside
        if known is not None and self.changes_pixels:
            lab = np.where(known[..., None], lab, np.float32(0))  # so that no NaN is spread by interpolation
        if self.place is not None:
            lab, known = self.place.put(lab, np.ones(lab.shape[:2], bool) if known is None else known, (height, width))
        if self.alignment is not None and not self.by_color:
            lab, known = _move(lab, known, self.alignment.at((height, width)))
        if self.used is not None:
            used = resize(self.used.astype(np.float32), (height, width)) > 0.5
            known = used if known is None else known & used
        moves_colors, painted = self.alignment is not None and self.by_color, self.painted
        if self.alignment is not None and moves_colors and painted is not None:
            # what was painted is moved, and painted once more over the lightness of where it belongs
            colors, known = _move(painted.colors(lab), known, self.alignment.at((height, width)))
            lab, moves_colors = painted.over(colors, lightness), False
        for tone in self.tones:
            lab = tone.apply(lab)
        if self.clean:
            from stcolor_core.method.registration.cleaning import clean_chroma  # torch takes seconds to import

            lab = np.dstack([lab[..., :1], clean_chroma(lab, lightness, known=known)])
        if self.alignment is not None and moves_colors:  # other light is judged where it lies, before
            moved, known = _move(lab, known, self.alignment.at((height, width)))
            lab = np.dstack([lab[..., :1], moved[..., 1:]])
        return lab, known

    def describe(self, frame: int, *, lines: int) -> str:
        """Return what was done to the keyframe at a frame, in a line for the artist; "" if nothing was.

        Args:
            frame: The frame at which the keyframe was given.
            lines: Height of the plate in pixels, in which lengths are given.
        """
        if self.frame is None:
            return "shows no frame of the shot near its own and is used as a still"
        parts = []
        if self.frame != frame:
            parts += [
                f"its colours fit frame {self.frame}, and are used there"
                if self.by_color
                else f"looks like frame {self.frame} and is used as its colour"
            ]
        elif self.beside:
            parts += [
                f"in {100 * self.beside:.0f} % of it its colours lie beside the plate's edges, and count less there"
            ]
        elif self.by_color and self.alignment is None:
            parts += ["its colours do not follow the plate's edges, and count less"]
        if self.place is not None:
            share = min(1.0, self.place.share)
            is_whole = share >= _NEARLY_ALL
            parts.append("shows the whole frame" if is_whole else f"shows {100 * share:.0f} % of the frame")
            parts[-1] += " smaller, and is enlarged to fit" if is_whole else ", and is used there"
        moves = "" if self.alignment is None else describe_moves(self.alignment, lines)
        tones = [tone.name for tone in self.tones if not (self.clean and tone.name == GRAIN_SMOOTHED)]
        tones += [CLEANED] * self.clean
        if moves:
            lead = "its colours lay beside the plate's edges: " if self.by_color else ""
            lead = "lies between bars, which are left out: " if self._between_bars else lead
            parts.append(f"{lead}{moves} to fit")
            if self.shows_part and self.alignment is not None:
                parts[-1] += f", where it shows {100 * self.alignment.scale**2:.0f} % of the frame"
        if tones:
            parts.append(enumerate_parts(tones))
        if self.surround:
            parts.append(f"what surrounds it is {self.surround} and is left out")
        elif self.bars is not None and not self._between_bars:
            parts.append("its bars are left out")
        if self.grey >= _MOSTLY_GREY:
            parts.append(f"{100 * self.grey:.0f} % of it is filled with grey, black or white, and used so")
        if self.doubtful >= _TOLD:
            parts.append(
                f"{100 * self.doubtful:.1f} % of it has another lightness than the plate, and counts less there"
            )
        if self.few_levels:
            parts.append("was reduced to few colours, and counts less")
        if parts and self.unused >= _TOLD:
            parts.append(f"{100 * self.unused:.0f} % of it does not fit and is not used")
        return "; ".join(parts)


def _move(lab: Image, known: Mask | None, alignment: Alignment) -> tuple[Image, Mask | None]:
    """Return a picture moved, and where its colour is known."""
    covered = alignment.sample_mask(np.ones(alignment.size, bool) if known is None else known)
    if known is None:  # the colour at the border is held a little further
        covered |= alignment.outside() <= _HELD * alignment.size[0]
    return alignment.sample(lab), None if covered.all() else covered
