"""The results of a RefColorize node: its versions on disk, and the one that it shows. Main thread only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import nuke

from ..errors import RefColorizeError
from . import node_ids, own_folder, views, withdrawn
from .frame_names import same_files, with_hashes
from .frames_on_disk import is_folder
from .result_reads import COMPARED, SHOWN, ResultRead, read_node, reads_file, set_range, used_reads
from .undo import without_undo
from .version import Version, write_comment
from .versions import PREVIEW, Results

__all__ = [
    "Shown",
    "comment_version",
    "has_lost_versions",
    "is_showing",
    "offer_versions_on_disk",
    "path_in_knob",
    "point_at",
    "relink",
    "reload_result",
    "remember",
    "result_paths",
    "results",
    "show",
    "show_again",
    "shown_path",
    "stop_showing",
    "use_version",
    "versions",
]


class Shown(NamedTuple):
    """What a node shows: of its own results, or of the node that it is a copy of.

    Attributes:
        version: As in the knob `version`: v001, "preview" or "none".
        file: The pattern of the frames, as in the knob.
        first: First frame of the Read inside the node.
        last: Its last frame.
        use_result: Whether the knob "use result" was on. Files of earlier plug-ins do not say so.
    """

    version: str
    file: str
    first: int
    last: int
    use_result: bool = True

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shown | None:
        """Return what a file says was shown; None if it does not say so.

        Args:
            data: As `_asdict` returns it, read from a JSON file.
        """
        try:
            first, last, use_result = int(data["first"]), int(data["last"]), bool(data.get("use_result", True))
            return cls(str(data["version"]), str(data["file"]), first, last, use_result)
        except (LookupError, TypeError, ValueError):
            return None


_offered: dict[str, frozenset[str]] = {}  # what the knob `version` was last made to offer, by the node's full name


def results(node: nuke.Node, view: str | None = None) -> Results:
    """Return the folder of the node's results. It is relative if the script is not saved and no folder is given.

    A script with several views has one folder for each view, so one eye never shows the result of the other.

    Args:
        node: A RefColorize node.
        view: The view; None for the one that the node colours now.
    """
    name = node_ids.node_id(node)
    own = own_folder.find(node, name)
    return Results(own / (view or views.of(node)) if views.is_stereo() else own, name)


def shown_path(node: nuke.Node) -> str:
    """Return the path of the frames that the node shows in the current view, with ####.

    Args:
        node: A RefColorize node.
    """
    return with_hashes(str(node["result_file"].value()).replace("%V", views.of(node)))


def is_showing(node: nuke.Node, path: str) -> bool:
    """Return whether the node shows these frames in any view, or compares what it shows with them.

    Args:
        node: A RefColorize node.
        path: The frames' path, with ####.
    """
    return any(reads_file(node, result, path) for result in used_reads(node))


def result_paths(node: nuke.Node) -> list[str]:
    """Return the paths of the results that the node reads, as its knobs have them: one, or two while it compares.

    Args:
        node: A RefColorize node.
    """
    return [str(node[result.file].value()) for result in used_reads(node)]


def versions(node: nuke.Node, view: str | None = None) -> list[Version]:
    """Return the versions on disk, the oldest first; empty if there is no output folder yet, or it is another node's.

    Args:
        node: A RefColorize node.
        view: As for `results`.
    """
    return [] if own_folder.is_of_another(node) else results(node, view).versions()


def use_version(node: nuke.Node, number: int) -> None:
    """Show a version in the node; RefColorizeError if it is not on disk.

    Args:
        node: A RefColorize node.
        number: The version's number, from 1.
    """
    show(node, _version(node, number).name)


def comment_version(node: nuke.Node, number: int, comment: str) -> None:
    """Store the artist's comment with a version; RefColorizeError if it is not on disk or cannot be written.

    Args:
        node: A RefColorize node.
        number: The version's number, from 1.
        comment: Any text; "" to remove the comment.
    """
    write_comment(_version(node, number).path, comment)


def _version(node: nuke.Node, number: int) -> Version:
    by_number = {version.number: version for version in versions(node)}
    if number not in by_number:
        raise RefColorizeError(
            f"{node.name()} has no version v{number:03d} in {results(node).folder}. Choose one that is there."
        )
    return by_number[number]


def show(node: nuke.Node, name: str, frames: Sequence[int] = (), *, view: str | None = None) -> None:
    """Show a version, or the preview.

    Args:
        node: A RefColorize node.
        name: As in the knob `version`: v001, or "preview".
        frames: The frames that it will have, in ascending order; empty to look at the files on disk.
        view: The view whose version begins, as for `results`.
    """
    names = _names(node)
    withdrawn.forget(results(node, view).pattern(name))
    if name not in (PREVIEW, *names):
        names.append(name)
    if name == PREVIEW or _offers_preview(node):
        names.append(PREVIEW)
    _offer_versions(node, SHOWN, names, chosen=name)
    _read_result(node, SHOWN, name, frames)
    if COMPARED.version in node.knobs():
        compared = str(node[COMPARED.version].value())
        _offer_versions(node, COMPARED, names, chosen=compared if compared in names else "none")
    node["use_result"].setValue(True)
    reload_result(node)


def remember(node: nuke.Node) -> Shown:
    """Return what the node shows, for `show_again`.

    Args:
        node: A RefColorize node.
    """
    read = read_node(node, SHOWN)
    version, file = str(node[SHOWN.version].value()), str(node[SHOWN.file].value())
    use_result = bool(node["use_result"].value())
    return Shown(version, file, int(read["first"].value()), int(read["last"].value()), use_result)


def stop_showing(node: nuke.Node, path: str, before: Shown) -> None:
    """Show what the node showed before a version that came to nothing, and compare nothing with that version.

    Args:
        node: A RefColorize node. What the artist has chosen since stays: another version, "none", or the plate by
            "use result".
        path: The path of the version's frames, with ####.
        before: What it showed before.
    """
    if COMPARED.version in node.knobs() and reads_file(node, COMPARED, path):
        node[COMPARED.version].setValue("none")
        node[COMPARED.file].setValue("")
    if reads_file(node, SHOWN, path):
        chosen, is_used = str(node[SHOWN.version].value()), bool(node["use_result"].value())
        show_again(node, before)
        if chosen == "none":
            node[SHOWN.version].setValue("none")
        if not is_used:
            node["use_result"].setValue(False)
    offer_versions_on_disk(node)


def show_again(node: nuke.Node, shown: Shown) -> None:
    """Show what the node showed before a version that came to nothing.

    Args:
        node: A RefColorize node.
        shown: From `remember`. "none", or a result that is gone, shows the plate.
    """
    on_disk = _names(node)
    if shown.version == "none" or not _is_on_disk(shown.file):
        _offer_versions(node, SHOWN, on_disk, chosen="none")
        node["use_result"].setValue(False)
        return
    names = on_disk if shown.version in on_disk else [*on_disk, shown.version]
    _offer_versions(node, SHOWN, names, chosen=shown.version)
    set_range(node, SHOWN, shown.first, shown.last)
    node[SHOWN.file].setValue(shown.file)
    node["use_result"].setValue(shown.use_result)
    reload_result(node)


def _is_on_disk(file: str) -> bool:
    """Return whether any view has the folder of these frames: one version is shown in all of them."""
    return any(is_folder(Path(file.replace("%V", view)).parent) for view in nuke.views())


def _names(node: nuke.Node) -> list[str]:
    """Return the names of the versions that can be chosen, the oldest first."""
    return [version.name for version in versions(node) if version.is_offered]


def _offers_preview(node: nuke.Node) -> bool:
    """Return whether the pulldown has the preview, which a node of an earlier plug-in shows in place of a version."""
    return "preview_frames" not in node.knobs() and is_folder(Path(results(node).pattern(PREVIEW)).parent)


def _offer_versions(node: nuke.Node, result: ResultRead, names: Sequence[str], *, chosen: str) -> None:
    pulldown = cast("nuke.Enumeration_Knob", node[result.version])
    pulldown.setValues(["none", *names])
    pulldown.setValue(chosen)
    if result is SHOWN:
        _offered[str(node.fullName())] = frozenset(names)


def offer_versions_on_disk(node: nuke.Node) -> None:
    """Offer the versions that are on disk, after others have removed or made some; without an undo step.

    Args:
        node: A RefColorize node.
    """
    names = _names(node)
    if _offers_preview(node):
        names.append(PREVIEW)
    with without_undo():
        for result in [SHOWN, COMPARED] if COMPARED.version in node.knobs() else [SHOWN]:
            pulldown = cast("nuke.Enumeration_Knob", node[result.version])
            chosen = str(pulldown.value())
            kept = [*names, chosen] if chosen not in ("none", *names) else names
            if list(pulldown.values()) != ["none", *kept]:
                _offer_versions(node, result, kept, chosen=chosen)
    _offered[str(node.fullName())] = frozenset(names)


def has_lost_versions(node: nuke.Node) -> bool:
    """Return whether the knob `version` no longer offers what the plug-in has put there: undo takes that back.

    Args:
        node: A RefColorize node.
    """
    offered = _offered.get(str(node.fullName()), frozenset())
    return bool(offered - set(cast("nuke.Enumeration_Knob", node[SHOWN.version]).values()))


def point_at(node: nuke.Node, name: str) -> None:
    """Read the files of a version, or of the preview, that the node's knob `version` names.

    Args:
        node: A RefColorize node.
        name: As in the knob: v001, or "preview".
    """
    _read_result(node, SHOWN, name)


def reload_result(node: nuke.Node) -> None:
    """Read the files of the shown and the compared result again, because a job has written more of them.

    Args:
        node: A RefColorize node.
    """
    with without_undo():
        for result in used_reads(node):
            cast("nuke.PyScript_Knob", read_node(node, result)["reload"]).execute()


def _read_result(node: nuke.Node, result: ResultRead, name: str, frames: Sequence[int] = ()) -> None:
    """Point a Read inside the node at a result."""
    frame_range = (frames[0], frames[-1]) if frames else results(node).first_last(name)
    if frame_range is not None:
        set_range(node, result, *frame_range)
    node[result.file].setValue(path_in_knob(node, name))


def path_in_knob(node: nuke.Node, name: str) -> str:
    """Return the path of a result's frames as a knob has it: with several views, with %V for the view.

    Each eye reads its own files; an eye without files stays grey.

    Args:
        node: A RefColorize node.
        name: As in the knob `version`: v001, or "preview".
    """
    own = results(node)
    path = own.pattern(name)
    return (own.folder.parent / "%V" / Path(path).relative_to(own.folder)).as_posix() if views.is_stereo() else path


def relink(node: nuke.Node) -> None:
    """Point the node at its results folder if files that it reads are gone, for example after the show was moved.

    Args:
        node: A RefColorize node.
    """
    for result in used_reads(node):
        name, file = str(node[result.version].value()), str(node[result.file].value())
        if name == "none" or _is_on_disk(file):
            continue
        own, path = results(node), file.replace("%V", views.of(node))
        if any(_is_on_disk(results(node, view).pattern(name)) for view in nuke.views()):
            _read_result(node, result, name)
        elif result is SHOWN:
            is_own = same_files(Path(path).name, Path(own.pattern(name)).name)  # else it is of the node it is a copy of
            folders = [Results.holding(path).folder, *([own.folder] if is_own else [])]
            _show_instead_of_withdrawn(node, folders, name)


def _show_instead_of_withdrawn(node: nuke.Node, folders: Sequence[Path], name: str) -> None:
    """Show what was shown before a version that came to nothing, if the script was saved while it was shown.

    Args:
        node: A RefColorize node.
        folders: Where the version may have been: the folder that the script names, and the node's own if it was moved.
        name: The version's name: v001.
    """
    number = name.lstrip("v")
    for folder in folders if number.isdecimal() else ():
        before = Shown.from_json(withdrawn.before(folder, int(number)))
        if before is not None:
            show_again(node, before)
            return
