"""Say what has changed since the shown version was made: plate, references, keyframes or settings. Main thread only.

The node as it is now is compared with the Shot beside the version's frames, as Colorize compares them before it makes a
new version. Only names, sizes and times of change of files are looked at; nothing is rendered. What only changes how
the colour is looked at, on the tab Output, is no part of a Shot and never counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import nuke

from ..errors import RefColorizeError
from ..plurals import noun_of
from . import inputs, node_results, previews, shots
from .frame_names import same_files
from .frame_texts import frame_numbers, frames_text
from .frames_on_disk import FileStates, files_of, is_folder, stamp, stamp_of, states_of
from .origin import Origin, PreviewOrigin
from .rendered_inputs import InputRender
from .shot_plan import ShotPlan
from .version import Version
from .versions import PREVIEW, Results

__all__ = ["describe", "describe_frames", "describe_previews"]

_MOST = 3  # ranges of frames that are named
_SETTINGS = {"exposure": "exposure", "colorspace": "colour space"}  # of the plate, and the node's words for them


def describe(node: nuke.Node) -> str:
    """Return what has changed since the shown version was made; "" if nothing has, or if nobody can tell.

    Args:
        node: A RefColorize node.

    Returns:
        One line with what to do. It begins with "OUT OF DATE", or with "ANOTHER SHOT" if the version was made from
        another plate, or lies in the folder of another script and was made from other pictures.
    """
    name = str(node["version"].value())
    if name in ("none", PREVIEW) or not node["use_result"].value():
        return ""
    shown = Version(0, node_results.shown_path(node), 0)
    stored = shown.shot()
    if not stored:
        return ""
    try:
        plan = shots.plan(node)
    except (RefColorizeError, RuntimeError):  # Colorize says what is wrong; an input may have an error
        return ""
    origin, written = Origin.of(shown), _change_time(shown.shot_file)
    found = _Comparison(
        stored, plan, origin.files, stamp=shown.made_from(), written=written, keys=origin.keys
    ).changes()
    remedy = "Press Colorize, or choose another version"
    if not found.all:
        wrong = describe_frames(shown, name)
        return f"OUT OF DATE: {wrong}. {remedy}." if wrong else ""
    if found.other_plate or (found.pictures and _is_foreign(node, shown.path)):
        place = found.other_plate or Path(shown.path).parent.as_posix()
        return f"ANOTHER SHOT: {name} was made from {place}. {remedy}."
    return f"OUT OF DATE: since {name} was made, these have changed: {', '.join(found.all)}. {remedy}."


def describe_previews(node: nuke.Node) -> str:
    """Return what has changed since the previews were made that the node shows; "" if nothing has, or nobody can tell.

    Args:
        node: A RefColorize node.
    """
    lines = []
    for frame in previews.frames(node)[:_MOST]:
        origin = PreviewOrigin.read(previews.path(node), frame)
        if origin is None:
            continue
        try:
            plan = shots.plan_frame(node, frame)
        except (RefColorizeError, RuntimeError):  # as above
            continue
        changed = _Comparison(origin.shot, plan, origin.files).changes().all
        if changed:
            lines.append(f"Since the preview of {frame} was made, these have changed: {', '.join(changed)}.")
    return (
        f"{' '.join(lines)} Preview them again."
        if len(lines) > 1
        else "".join(f"{line} Preview it again." for line in lines)
    )


def describe_frames(version: Version, name: str) -> str:
    """Return which frames of a version may come from other files than its others; "" for none, or if nobody knows.

    Args:
        version: The version.
        name: The version's name: v001.
    """
    origin = Origin.of(version)
    if not origin.is_known:
        return ""
    frames = states_of(version.path)
    parts = (
        (origin.unknown(frames), "written since, and may come from other files"),
        (origin.unchanged(origin.others, frames), "made from other files or settings"),
        (origin.unchanged(origin.painted, frames), "painted by hand over colour from other files or settings"),
    )
    return "; ".join(
        f"{noun_of(len(numbers), 'frame')} {_some(numbers)} of {name} {'was' if len(numbers) == 1 else 'were'} {words}"
        for numbers, words in parts
        if numbers
    )


def _is_foreign(node: nuke.Node, path: str) -> bool:
    """Return whether a version lies in the folder of another script; a copy's original is in the same one."""
    own, other = node_results.results(node), Results.holding(path)
    depth = 2 if own.folder.name != own.stem else 1  # with several views, each has a folder of its own
    return own.folder.parents[depth - 1] != other.folder.parents[depth - 1]


@dataclass
class _Changes:
    """What has changed, in words.

    Attributes:
        pictures: The plate, references, stills and mattes.
        rest: Keyframes, swatches and settings.
        other_plate: The path of the plate that the version was made from, if it is another one than the node's.
    """

    pictures: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    other_plate: str = ""

    @property
    def all(self) -> list[str]:
        return [*self.pictures, *self.rest]


class _Comparison:
    """A version's Shot and the node's own."""

    def __init__(
        self,
        stored: Mapping[str, Any],
        plan: ShotPlan,
        files: Mapping[str, FileStates],
        *,
        stamp: str = "",
        written: int = 0,
        keys: frozenset[int] | None = None,
    ) -> None:
        """Prepare the comparison.

        Args:
            stored: The Shot as JSON data.
            plan: What the node would make now.
            files: The states of the input files then, by path; empty if only their stamp is known.
            stamp: The stamp of these files.
            written: When the Shot was stored, in nanoseconds.
            keys: The keyframes that the core had; None if that is not known.
        """
        request = plan.request({render.name: "" for render in plan.renders})
        self._before, self._files_then, self._stamp, self._written = stored, files, stamp, written
        self._keys = keys
        self._now: dict[str, Any] = json.loads(json.dumps(request.shot))
        self._frames = request.frames
        self._renders = {render.name: render for render in plan.renders}

    def changes(self) -> _Changes:
        """Return what has changed since the version was made."""
        found = _Changes()
        before, now = _path(self._before.get("plate")), _path(self._now["plate"])
        if "plate" not in self._renders and not _is_same_picture(before, now):
            found.other_plate = before
            found.pictures.append("plate")
        elif "plate" in self._renders:
            found.pictures += self._rendered("plate", before, self._renders["plate"])
        found.pictures += self._references(found)
        found.pictures += self._others()
        if not found.other_plate:
            found.pictures += self._files()
        found.rest += dict.fromkeys(self._settings())
        return found

    def _references(self, found: _Changes) -> Iterator[str]:
        """Yield the references that were repainted, and store keyframes that were added and removed."""
        paths, render = [_path(each) for each in self._before.get("references", ())], self._renders.get("ref")
        if render is None or not paths:
            if render is not None or paths:
                found.rest.append("keyframes")
            return
        changes = render.changes_since(paths[0])
        if changes is None:
            return
        by_page = (self._keys or frozenset()).difference(render.frames, changes.gone)  # whose pictures it was given
        repainted = [frame for frame in changes.added if frame in (self._keys or ())]
        changed = sorted([*self._since_move(render, changes.changed), *repainted])
        if changed:
            yield f"reference {_some(changed)}"
        added = [frame for frame in changes.added if frame not in repainted]
        moves = [("added", added), ("removed", sorted({*changes.gone, *by_page}))]
        words = [f"{_some(frames)} {verb}" for verb, frames in moves if frames]
        if words:
            found.rest.append(f"keyframes ({', '.join(words)})")

    def _rendered(self, kind: str, before: str, render: InputRender) -> Iterator[str]:
        """Yield the frames of an input that look different from the rendered files that a version was made from."""
        if Path(before).parent.parent.name != render.folder.name:  # the files of a Read, or nothing
            yield kind
            return
        changes = render.changes_since(before)
        changed = self._since_move(render, changes.changed) if changes is not None else ()
        if changed:
            yield f"{kind} {_some(changed)}"

    def _since_move(self, render: InputRender, changed: tuple[int, ...]) -> tuple[int, ...]:
        """Return the frames that have changed beyond their path, if the folder of the shot has moved.

        The digest of an input covers the paths that it reads, so all of it is another one then.
        """
        plate = _path(self._before.get("plate"))
        if not changed or is_folder(Path(plate).parent):
            return changed
        files = inputs.find_files(render.source)
        newer = self._newer(files.path) if files is not None else ()
        return tuple(frame for frame in changed if frame in newer)

    def _newer(self, path: str) -> list[int]:
        """Return the frames of a path that were written after the Shot was stored; frame 0 for a single picture."""
        return sorted(int(frame or 0) for frame, status in files_of(path) if status.st_mtime_ns > self._written)

    def _others(self) -> Iterator[str]:
        """Yield stills and mattes that are others than those of the version."""
        before, now = ([_path(each) for each in shot.get("stills", ())] for shot in (self._before, self._now))
        if len(before) != len(now) or not all(map(_is_same_picture, before, now)):
            yield "stills"
        mattes = [_path(each) for each in self._before.get("mattes", ())]
        if "matte" in self._renders:
            yield from self._rendered("matte", mattes[0] if mattes else "", self._renders["matte"])
        else:
            plain = [_path(each) for each in self._now.get("mattes", ())]
            if len(mattes) != len(plain) or not all(map(_is_same_picture, mattes, plain)):
                yield "matte"

    def _files(self) -> Iterator[str]:
        """Yield the inputs whose files were written again, at the same path or at the one to which they have moved."""
        shots_paths = [self._paths(shot) for shot in (self._before, self._now)]
        if [len(paths) for paths in shots_paths[0].values()] != [len(paths) for paths in shots_paths[1].values()]:
            return  # told already
        moved = {
            before: now
            for kind, paths in shots_paths[0].items()
            for before, now in zip(paths, shots_paths[1][kind])  # noqa: B905  (Python 3.9 has no strict)
            if now and not is_folder(Path(before).parent)
        }
        everything = [path for paths in shots_paths[0].values() for path in paths]
        if not all(is_folder(Path(moved.get(path, path)).parent) for path in everything):
            return
        read = set(frame_numbers(self._before.get("plate", {}).get("frames")))
        states = self._files_then
        if states:
            for kind, paths in shots_paths[0].items():
                for path in paths:
                    yield from _named(kind, _changed(states.get(path, {}), states_of(moved.get(path, path))), read)
            return
        if not self._stamp or stamp(everything, moved=moved) == self._stamp:
            return
        told: list[str] = []
        plain = [(kind, path) for kind, paths in shots_paths[1].items() for path in paths if path]
        for kind, path in plain:
            told += _named(kind, self._newer(path), read)
        if not told and plain and self._stamp_of_read(everything, moved, read) != self._stamp:
            told.append(" or ".join(dict.fromkeys(kind for kind, _ in plain)))
        yield from told

    def _stamp_of_read(self, paths: Iterable[str], moved: Mapping[str, str], read: Collection[int]) -> str:
        """Return the stamp without the newer frames that the version does not read, which change nothing."""
        files = [(path, states_of(moved.get(path, path))) for path in paths]
        left_out = {path: {str(frame) for frame in self._newer(moved.get(path, path))} for path, _ in files}
        return stamp_of(
            (path, {frame: state for frame, state in each.items() if not _is_new(frame, left_out[path], read)})
            for path, each in files
        )

    @staticmethod
    def _paths(shot: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the paths whose files the stamp of a version covers, in its order; "" for one that is rendered."""
        kinds = {"plate": [shot.get("plate")], "stills": shot.get("stills", ()), "matte": shot.get("mattes", ())}
        return {kind: [_path(picture) for picture in pictures] for kind, pictures in kinds.items()}

    def _settings(self) -> Iterator[str]:
        before, now = self._before, self._now
        for name, words in _SETTINGS.items():
            if _differs(before.get("plate", {}), now["plate"], name):
                yield words
        references: list[dict[str, Any]] = [next(iter(shot.get("references", ())), {}) for shot in (before, now)]
        old, new = references
        if old and new:
            if _differs(old, new, "alpha"):
                yield "keyframes' alpha"
            if _differs(old, new, "colorspace"):
                yield "colour space"
        for name in now["method"]:
            if _differs(before.get("method", {}), now["method"], name):
                yield name.replace("_", " ")
        if before.get("swatches", []) != now.get("swatches", []):
            yield "swatches"
        configs = [PurePath(str(shot.get("ocio") or "")).name for shot in (before, now)]
        if "ocio" in before and configs[0] != configs[1]:
            yield "OpenColorIO config"
        lacking = set(self._frames) - set(frame_numbers(before.get("output", {}).get("frames")))
        if lacking and before.get("output", {}).get("frames"):
            yield f"frame range (without colour: {_some(sorted(lacking))})"


def _named(kind: str, changed: Collection[int], read: Collection[int]) -> Iterator[str]:
    """Yield an input with its changed frames, of which those outside of a plate's range change nothing."""
    frames = sorted(frame for frame in changed if kind == "stills" or not frame or not read or frame in read)
    if frames:
        yield f"{kind} {_some(frames)}" if frames != [0] else kind


def _changed(before: FileStates, now: FileStates) -> list[int]:
    """Return the frames whose files have changed, are gone or are new; 0 for a single picture."""
    return [int(frame or 0) for frame in before.keys() | now.keys() if before.get(frame) != now.get(frame)]


def _is_new(frame: str, newer: Collection[str], read: Collection[int]) -> bool:
    return bool(frame and read) and int(frame) not in read and str(int(frame)) in newer


def _differs(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    """Return whether a setting has changed; an earlier plug-in that did not know it wrote none."""
    return name in before and before[name] != now[name]


def _is_same_picture(before: str, now: str) -> bool:
    """Return whether two paths name one picture: the same path, or where its files have moved with their folder."""
    if same_files(before, now):
        return True
    is_moved = not is_folder(Path(before).parent) and is_folder(Path(now).parent)
    return is_moved and PurePath(before).name == PurePath(now).name


def _path(picture: object) -> str:
    return str(picture.get("path", "")) if isinstance(picture, dict) else ""


def _change_time(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _some(frames: tuple[int, ...] | list[int]) -> str:
    """Return frames as text, the first ranges only if there are many."""
    ranges = frames_text(frames).split(",")
    return ", ".join([*ranges[:_MOST], *(["..."] if len(ranges) > _MOST else [])])
