"""Where a picture lies in a format that its file does not name. It imports nothing slow: `shots` finds files by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from stcolor_core.images.pictures import Header, Window

__all__ = ["Placement"]

AnyHeader = TypeVar("AnyHeader", bound="Header")


@dataclass(frozen=True)
class Placement:
    """The format that a picture shows a part of, if the picture's file does not name it.

    Attributes:
        size: Width and height of the format in the file, px.
        display: x, y, width and height of the format that it shows a part of, in the picture's own pixels.
        inside: x, y, width and height of what it shows of it, in the same pixels: all of it but bars at its edges.
    """

    size: tuple[int, int]
    display: Window
    inside: Window

    def of(self, picture: AnyHeader) -> AnyHeader:
        """Return a picture in the format that it shows a part of, without bars; as it is if it has another size.

        Args:
            picture: The picture or its header, or the mask of the same size that belongs to it.
        """
        from stcolor_core.images.pictures import Picture

        if picture.display_window[2:] != self.size:
            return picture
        x, y, width, height = self.inside
        left, top = x - picture.data_window[0], y - picture.data_window[1]
        part = slice(max(0, top), top + height), slice(max(0, left), left + width)
        changed: dict[str, Any] = {"display_window": self.display, "data_window": self.inside}
        if isinstance(picture, Picture):
            broken = None if picture.broken is None else picture.broken[part]
            changed |= {"pixels": picture.pixels[part], "broken": broken}
            changed["nonfinite"] = 0 if broken is None else int(broken.sum())
        return replace(picture, **changed)
