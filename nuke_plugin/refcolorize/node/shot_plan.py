"""The plan of a shot, whose inputs may still have to be rendered, and the request that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import inputs
from .frames_on_disk import stamp
from .rendered_inputs import InputRender, render_planned

__all__ = ["ShotPlan", "ShotRequest"]

_FEW_FRAMES = 10  # of a Read, which take less time than the start of a second Nuke


@dataclass(frozen=True)
class ShotRequest:
    """A shot that is ready for the core, except for the path of its output.

    Attributes:
        shot: A Shot as JSON data (see stcolor_core/shots).
        frames: The frames to colour, in ascending order.
        view: The view that it colours, whichever is shown by now.
    """

    shot: dict[str, Any]
    frames: tuple[int, ...]
    view: str

    @property
    def made_from(self) -> str:
        """Return a digest that changes when a file that the shot reads changes."""
        pictures = (self.shot["plate"], *self.shot["stills"], *self.shot["mattes"])
        return stamp(picture["path"] for picture in pictures)


@dataclass(frozen=True)
class ShotPlan:
    """A shot whose knobs and inputs have been checked, but whose inputs may still have to be rendered.

    Attributes:
        renders: The inputs that are no plain Read's files, also those whose files are on disk already.
        view: The view to colour.
        in_background: Whether the artist wants a second Nuke to render them.
    """

    renders: tuple[InputRender, ...]
    view: str
    in_background: bool
    _finish: Callable[[Mapping[str, str]], ShotRequest]

    @property
    def missing(self) -> tuple[InputRender, ...]:
        """Return the inputs with frames that must be rendered."""
        return tuple(render for render in self.renders if render.missing)

    @property
    def is_slow(self) -> bool:
        """Return whether Nuke must render more than a few files of a Read, which take no time."""
        return any(
            inputs.find_read(render.source) is None or len(render.missing) > _FEW_FRAMES for render in self.missing
        )

    @property
    def signature(self) -> tuple[object, ...]:
        """Return what two plans that render the same pictures have in common."""
        return (self.view, *(render.signature for render in self.missing))

    def request(self, paths: Mapping[str, str]) -> ShotRequest:
        """Return the request.

        Args:
            paths: The path of each rendered input's files, by its name ("plate", "ref", "matte").
        """
        return self._finish(paths)

    def render(self) -> ShotRequest:
        """Render what is missing in this Nuke.

        Returns:
            The request.

        Raises:
            RefColorizeError: If Nuke cannot render an input (`Cancelled` if the artist cancels).
        """
        return self.request({render.name: render_planned(render) for render in self.renders})
