"""Keep a mark in a node's status line while its version is out of date, or a preview lies over it. Main thread only.

A look at the files may take long on a slow disk, so it is repeated the more seldom the longer it takes. Where frames
were written since the core was last asked about them, it is asked again in a thread, and the mark stays until it knows.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import nuke

from ..errors import RefColorizeError
from ..host.main_thread import call_later, in_main_thread, is_rendering
from ..node import keyframes, node_results, nodes, out_of_date, previews
from ..node.frames_on_disk import FileStates, states_of
from ..node.shots import METHOD_KNOBS
from ..node.version import Version
from ..node.versions import PREVIEW
from .running_tasks import is_busy

__all__ = ["follow", "follow_at_once", "forget", "has_reloaded", "split_status", "ui_updated"]

_LEAST_SECONDS = 3.0  # between two looks while nothing is changed in the node
_SHARE, _SHARE_AFTER_CHANGE = 50, 10  # how many times as long as a look takes, no other one follows
_WAITS = {
    None: 1.0,
    False: 10.0,
    True: 60.0,
}  # seconds until the same is asked again, by what `origins.find_origin` returns
_STALE = ("OUT OF DATE: ", "ANOTHER SHOT: ")  # how the line of `out_of_date.describe` begins; it stands last
_KNOBS = (
    *METHOD_KNOBS,
    *("version", "result_file", "use_result", "frame_range", "view", "colorspace", "exposure", "keyframe_alpha"),
    *("still1", "still2", "still3", "swatches", "use_matte"),
)


@dataclass(frozen=True)
class _Look:
    """The last look at a node's version: the node's values then, when it ended, and how long it took in seconds."""

    values: tuple[object, ...]
    ended: float
    took: float


@dataclass(frozen=True)
class _Question:
    """What the core was asked about: the frames on disk and the mark; and when it may be asked so again."""

    about: object
    again_at: float


_looks: dict[str, _Look] = {}  # by the node's full name
_frames: dict[str, FileStates] = {}  # of the shown versions, as the Reads have them, by path
_asking: set[str] = set()  # the paths of the versions that the core is being asked about
_asked: dict[str, _Question] = {}  # the last question about each version, by path


def forget() -> None:
    """Forget the last looks, because the script is closed."""
    _looks.clear()
    _frames.clear()
    _asked.clear()


def has_reloaded(path: str) -> None:
    """Note that a task has reloaded the frames of a path, so that the next look does not.

    Args:
        path: The path of the frames, with ####.
    """
    _frames.pop(path, None)


def follow(node: nuke.Node) -> None:
    """Look whether the shown version is out of date, unless that was done a moment ago, and mark the status line.

    Args:
        node: A RefColorize node.
    """
    if _is_due(node):
        follow_at_once(node)


def follow_at_once(node: nuke.Node) -> None:
    """Look whether the shown version is out of date, and mark the status line. It waits for a task of the node to end.

    Args:
        node: A RefColorize node.
    """
    if is_busy(str(node.fullName())):
        return
    values, began = _values(node), time.monotonic()
    _reload_if_written(node)
    stale = out_of_date.describe(node)
    _ask_if_needed(node, stale)
    mark = " ".join(text for text in (previews.describe(node), out_of_date.describe_previews(node), stale) if text)
    ended = time.monotonic()
    _looks[str(node.fullName())] = _Look(values, ended, ended - began)
    status = str(node["status"].value())
    told, *marks = split_status(status)
    if mark or any(marks):
        nodes.set_status(node, " ".join(text for text in (_with_full_stop(told), mark) if text))


def _reload_if_written(node: nuke.Node) -> None:
    """Reload the shown frames if others than a task of this Nuke have written some since the last look."""
    path = _shown_path(node)
    if path:
        frames, before = states_of(path), _frames.get(path)
        _frames[path] = frames
        if before is not None and before != frames:
            node_results.reload_result(node)


def _ask_if_needed(node: nuke.Node, stale: str) -> None:
    """Ask the core in a thread what the shown frames were made from, if they may be out of date, or nobody knows."""
    path = _shown_path(node)
    if not path or not (stale or (_frames.get(path) and not Version(0, path, 0).shot_file.exists())):
        return
    about, last = (_frames.get(path), stale), _asked.get(path)
    if path not in _asking and (last is None or last.about != about or time.monotonic() > last.again_at):
        _asking.add(path)
        threading.Thread(target=_ask, args=(node, path, about), name="refcolorize origin", daemon=True).start()


def _shown_path(node: nuke.Node) -> str:
    """Return the path of the version that a node shows; "" if it shows none, or if nobody looks at it."""
    is_shown = nuke.GUI and str(node["version"].value()) not in ("none", PREVIEW)
    return node_results.shown_path(node) if is_shown else ""


def _ask(node: nuke.Node, path: str, about: object) -> None:
    """Ask the core about the frames of a version, in a thread, and look at the node again if it knows."""
    from ..core import server  # with the network, which Nuke does not need to start
    from . import origins

    knows: bool | None = False
    try:
        client = server.find()
        knows = False if client is None else origins.find_origin(client, path)
    except RefColorizeError:  # the core does not answer; the mark stays
        pass
    finally:
        _asked[path] = _Question(about, time.monotonic() + _WAITS[knows])
        _asking.discard(path)
    if knows:
        with suppress(RefColorizeError):  # Nuke is closing
            in_main_thread(_follow_at_once_if_there, node)


def _follow_at_once_if_there(node: nuke.Node) -> None:
    with suppress(ValueError):  # Nuke raises it for a deleted node
        follow_at_once(node)


def split_status(status: str) -> tuple[str, str, str]:
    """Return the parts of a status line: of the last job, of previews, and of an old version; "" for each it lacks.

    Args:
        status: The node's status line.
    """
    stale = next((found + rest for _, found, rest in map(status.partition, _STALE) if found), "")
    told, found, rest = status[: len(status) - len(stale)].partition(previews.MARK)
    return (told.strip() if found or stale else told), (found + rest).strip(), stale


def ui_updated() -> None:
    """Look at a node some time after something has changed; a callback for nuke.addUpdateUI."""
    node = nuke.thisNode()
    if nodes.is_refcolorize(node) and not is_rendering() and _is_due(node):
        call_later(lambda: _follow_if_there(node), key=("freshness", str(node.fullName())))


def _follow_if_there(node: nuke.Node) -> None:
    with suppress(ValueError):  # Nuke raises it for a deleted node
        follow(node)


def _with_full_stop(text: str) -> str:
    return f"{text}." if text and not text.endswith((".", "!", "?")) else text


def _is_due(node: nuke.Node) -> bool:
    last = _looks.get(str(node.fullName()))
    if last is None:
        return True
    passed = time.monotonic() - last.ended
    if passed > max(_LEAST_SECONDS, _SHARE * last.took):
        return True
    return passed > _SHARE_AFTER_CHANGE * last.took and _values(node) != last.values


def _values(node: nuke.Node) -> tuple[object, ...]:
    """Return what decides the colour and can be known without a look at the disk."""
    inputs = [node.input(index) for index in range(node.inputs())]
    return (
        *(str(node[name].value()) for name in _KNOBS if name in node.knobs()),
        tuple(keyframes.all_keys(node).items()),
        *("" if each is None else each.fullName() for each in inputs),
        tuple(previews.frames(node)),
    )
