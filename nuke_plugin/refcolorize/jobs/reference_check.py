"""The keyframes of a node whose reference gives no colour, as the core found them before the last Colorize."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nuke

from ..core.client import Client
from ..errors import Cancelled, CoreRefused, RefColorizeError
from ..host.main_thread import in_main_thread
from .progress import REASONS, describe_colorless

__all__ = [
    "COLORIZE",
    "SUBMIT",
    "WRITE",
    "Action",
    "find_flaws",
    "forget_flaws",
    "keep_flaws",
    "last_flaws",
    "require_color",
]

_CANCEL = "Cancel"
_last: dict[str, dict[int, str]] = {}  # by the node's full name
_confirmed: set[tuple[str, tuple[int, ...]]] = set()  # the frames' path and the keyframes that the artist has accepted


@dataclass(frozen=True)
class Action:
    """What keyframes without colour hold up.

    Attributes:
        anyway: The button that goes on.
        call: How a script goes on.
    """

    anyway: str
    call: str


COLORIZE = Action("Colorize anyway", "colorize(node, confirmed=True)")
SUBMIT = Action("Submit anyway", "submit(node, confirmed=True)")
WRITE = Action("Write anyway", SUBMIT.call)


def last_flaws(name: str) -> Mapping[int, str] | None:
    """Return the keyframes without colour at the last Colorize of a node, each with a key of `progress.REASONS`.

    Args:
        name: The node's full name.

    Returns:
        By frame; None if the node was not colorized since Nuke was started.
    """
    return _last.get(name)


def find_flaws(client: Client, shot: Mapping[str, Any], name: str) -> dict[int, str]:
    """Ask the core which keyframes of a shot give no colour, and keep the answer for `last_flaws`.

    Args:
        client: A client of the core.
        shot: The Shot as JSON data.
        name: The node's full name.

    Returns:
        Frame -> a key of `progress.REASONS`. Empty if the core cannot say; its job then
            reports what is wrong with the files.
    """
    try:
        answer = client.references(shot)
        flaws = {int(frame): str(flaw) for frame, flaw in answer["colorless"].items()}
    except (CoreRefused, LookupError, ValueError, AttributeError):
        return {}
    keep_flaws(name, flaws)
    return flaws


def keep_flaws(name: str, flaws: Mapping[int, str]) -> None:
    """Keep what was found for `last_flaws`.

    Args:
        name: The node's full name.
        flaws: Keyframe -> a key of `progress.REASONS`.
    """
    _last[name] = dict(flaws)


def forget_flaws() -> None:
    """Forget the keyframes without colour of every node: another script has nodes of the same names."""
    _last.clear()


def require_color(
    flaws: Mapping[int, str],
    *,
    title: str,
    path: str,
    confirmed: bool,
    is_cancelled: Callable[[], bool],
    on_question: Callable[[], object],
    action: Action = COLORIZE,
) -> None:
    """Ask the artist whether to colour a shot although keyframes have no colour. Worker thread, if there is a GUI.

    Args:
        flaws: From `find_flaws`.
        title: The node's name.
        path: The path of the frames to write. An answer holds for it until Nuke ends.
        confirmed: Whether the artist, or a script, has accepted such keyframes.
        is_cancelled: Whether the answer is no longer needed; the dialog closes when it returns True.
        on_question: Called before the artist is asked, to say that this is waited for.
        action: What they hold up.

    Raises:
        Cancelled: If the artist wants to paint first.
        RefColorizeError: If there is no GUI to ask.
    """
    frames = tuple(sorted(flaws))
    if not frames or confirmed or (path, frames) in _confirmed:
        return
    told = describe_colorless(frames)
    what, _, remedy = told.partition(". ")
    if not nuke.GUI:
        raise RefColorizeError(f"{title}: {told}. In a script, {action.call} goes on.")
    from ..host import dialogs

    go = f"Go to {frames[0]}"
    lines = [f"{frame}: ref {REASONS.get(flaws[frame], 'gives no colour')} there." for frame in frames]
    lines += ["", f"What such a keyframe colours stays grey, at confidence 0. {remedy}."]
    on_question()
    pressed = dialogs.ask(f"{title}: {what}", lines, (_CANCEL, go, action.anyway), is_unwanted=is_cancelled)
    if pressed == action.anyway:
        _confirmed.add((path, frames))
        return
    if pressed == go:
        in_main_thread(nuke.frame, frames[0])
    raise Cancelled(f"{told}.")
