"""Check the plug-in's assumptions about Nuke in a real Nuke. `python3 install.py nuke-probe` writes a script for that.

Each answer is compared with docs/nuke_facts.yaml. If one differs, the plug-in may not work correctly in that version of
Nuke. The nodes that a check creates are deleted again, and its files are in a temporary folder. Main thread only.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import nuke

from . import knob_paths, rendered_inputs, views
from .helper_nodes import temporary_nodes
from .spaces import SPACES

__all__ = ["check_facts", "lines", "main"]

_FRAME = 7
_VARIABLE_FILE = f"/no/plate.{_FRAME:04d}.exr"
_UNSAVED_STATUS = "this is not to be saved"


def main(path: str) -> None:
    """Check all assumptions, write the answers as JSON and print a summary.

    Args:
        path: The JSON file to write.
    """
    answers = check_facts()
    Path(path).write_text(json.dumps(answers, indent=2) + "\n", encoding="utf-8")
    failed = ", ".join(answers["failed"]) or "none"
    nuke.tprint(f"RefColorize: {len(answers['facts'])} assumptions checked, wrong: {failed}. Please send {path}.")


def check_facts() -> dict[str, Any]:
    """Check all assumptions in this Nuke.

    Returns:
        "nuke", "python" and "platform": versions. "gui": whether Nuke has one. "facts": for each assumption its name
        ("fact"), what was "found" and what was "expected". "failed": the names of those that differ.
    """
    with _nothing_selected(), tempfile.TemporaryDirectory(prefix="refcolorize-") as folder, temporary_nodes() as made:
        facts = [_check(name, expected, question, made, Path(folder)) for name, expected, question in _QUESTIONS]
    return {
        "nuke": nuke.NUKE_VERSION_STRING,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "gui": bool(nuke.GUI),
        "facts": facts,
        "failed": [fact["fact"] for fact in facts if fact["found"] != fact["expected"]],
    }


@contextmanager
def _nothing_selected() -> Iterator[None]:
    """Deselect all nodes meanwhile: Nuke inserts a new node below a selected one."""
    selected = nuke.selectedNodes()
    for node in selected:
        node.setSelected(False)
    try:
        yield
    finally:
        for node in selected:
            node.setSelected(True)


def lines() -> list[str]:
    """Return a report for the artist: a line for each wrong assumption, and what to do. Main thread only.

    Takes a second or two and leaves the script unchanged.
    """
    answers = check_facts()
    wrong = [fact for fact in answers["facts"] if fact["found"] != fact["expected"]]
    summary = f"{len(answers['facts'])} things that RefColorize relies on were checked in Nuke {answers['nuke']}."
    if not wrong:
        return [f"{summary} All are as expected. Nothing to do."]
    return [
        f"{summary} {len(wrong)} are different. Run install.py nuke-probe and send its file (docs/first-shot-nuke.md).",
        *(f"    {fact['fact']}: {fact['found']!r} instead of {fact['expected']!r}" for fact in wrong),
    ]


Question = Callable[["list[nuke.Node]", Path], Any]


def _check(name: str, expected: Any, question: Question, made: list[nuke.Node], folder: Path) -> dict[str, Any]:
    try:
        answer = question(made, folder)
    except Exception as error:  # noqa: BLE001  (an error of Nuke is an answer too)
        answer = f"{type(error).__name__}: {error}"
    return {"fact": name, "expected": expected, "found": answer}


# The questions. `made`: nodes that are deleted afterwards; a question appends those that it creates.


def _read(made: list[nuke.Node], path: str) -> nuke.Node:
    made.append(nuke.nodes.Read(file=path, first=1, last=_FRAME))
    return made[-1]


def _file_knob(made: list[nuke.Node]) -> nuke.File_Knob:
    return cast("nuke.File_Knob", _read(made, "/no/plate.####.exr")["file"])


def _at_frame(question: Callable[[], Any]) -> Any:
    before = int(nuke.frame())
    nuke.frame(_FRAME)
    try:
        return question()
    finally:
        nuke.frame(before)


def _node(made: list[nuke.Node]) -> nuke.Node:
    made.append(nuke.createNode("RefColorize", inpanel=False))
    return made[-1]


def _evaluates_tcl(made: list[nuke.Node], folder: Path) -> str:
    del folder
    return str(knob_paths.frame_name(_read(made, "[join {/no/plate}].####.exr"), "file"))


def _sets_space_numbers(made: list[nuke.Node], folder: Path) -> bool:
    del folder
    node = _node(made)
    node["working_space"].setValue("ACEScg")
    return [round(x, 5) for x in node["luma"].value()] == [round(x, 5) for x in SPACES["ACEScg"].luma]


def _saves_status(made: list[nuke.Node], folder: Path) -> bool:
    node = _node(made)
    node["status"].setValue(_UNSAVED_STATUS)
    node.selectOnly()
    nuke.nodeCopy((folder / "node.nk").as_posix())
    return _UNSAVED_STATUS in (folder / "node.nk").read_text(encoding="utf-8")


def _mask_channels(made: list[nuke.Node], folder: Path) -> str:
    del folder
    show = cast("nuke.Group", _node(made)).node("ShowIds00")
    return str(show["channel0"].toScript()) if show is not None else "no node"


def _compares(made: list[nuke.Node], folder: Path) -> list[int]:
    del folder
    node = _node(made)
    knob = cast("nuke.Enumeration_Knob", node["compare"])
    knob.setValues(["none", "v001", "v002"])
    switch = cast("nuke.Group", node).node("ChooseCompared")
    found = []
    for name in ("none", "v002"):
        knob.setValue(name)
        found.append(-1 if switch is None else int(switch["which"].value()))
    return found


def _rendered_files(made: list[nuke.Node], folder: Path) -> list[str]:
    made.append(nuke.nodes.CheckerBoard2())
    pattern = Path(rendered_inputs.render_input(made[-1], [1, 2], folder / "inputs", name="ref"))
    return sorted(path.name for path in pattern.parent.glob("*.exr"))


def _default_first_frame(made: list[nuke.Node], folder: Path) -> str:
    del folder
    before = nuke.knobDefault("Write.first") or "1"
    nuke.knobDefault("Write.first", "5")
    made.append(nuke.nodes.Write())
    nuke.knobDefault("Write.first", before)
    return str(int(made[-1]["first"].value()))


def _copies_script(made: list[nuke.Node], folder: Path) -> bool:
    del made
    name = str(nuke.root()["name"].value())
    nuke.scriptSaveToTemp((folder / "copy.nk").as_posix())
    return (folder / "copy.nk").is_file() and str(nuke.root()["name"].value()) == name


def _replaces_variable(made: list[nuke.Node], folder: Path) -> str:
    """Return the file of a Read whose path has a variable; what is expected if this Nuke has no variables."""
    del folder
    if "gsv" not in nuke.root().knobs():
        return _VARIABLE_FILE
    variables: Any = nuke.root()["gsv"]
    variables.setGsvValue("__default__.rc_probe", "plate")
    try:
        return str(_at_frame(_read(made, "/no/%{rc_probe}.####.exr")["file"].evaluate))  # type: ignore[attr-defined]
    finally:
        variables.removeGsv("__default__.rc_probe")


def _has_substitutions() -> bool:
    preferences = nuke.toNode("preferences")
    return preferences is not None and "platformPathRemaps" in preferences.knobs()


_QUESTIONS: tuple[tuple[str, Any, Question], ...] = (
    ("File_Knob.value", "/no/plate.%04d.exr", lambda made, _: _file_knob(made).value()),
    ("File_Knob.toScript", "/no/plate.####.exr", lambda made, _: _file_knob(made).toScript()),
    ("File_Knob.evaluate", "/no/plate.0007.exr", lambda made, _: _at_frame(_file_knob(made).evaluate)),
    (
        "File_Knob.getEvaluatedValue",
        "/no/plate.0007.exr",
        lambda made, _: _at_frame(_file_knob(made).getEvaluatedValue),
    ),
    ("nuke.filename", "/no/plate.%04d.exr", lambda made, _: nuke.filename(_read(made, "/no/plate.####.exr"))),
    ("a path with Tcl", "/no/plate.####.exr", _evaluates_tcl),
    ("knobChanged of the Group", True, _sets_space_numbers),
    ("the status is saved", False, _saves_status),
    ("a mask of one channel", "{rgba.red -rgba.green -rgba.blue none}", _mask_channels),
    ("a comparison with a pulldown, in a GUI only", [0, int(nuke.GUI)], _compares),
    ("a helper Write renders", ["ref.0001.exr", "ref.0002.exr"], _rendered_files),
    ("nuke.nodes takes knobDefaults", "5", _default_first_frame),
    ("nuke.FrameRanges", 3, lambda *_: sum(len(list(part)) for part in nuke.FrameRanges(["1-2", "9"]))),
    ("the view that is coloured", True, lambda *_: views.current() in nuke.views()),
    ("a copy of the script", True, _copies_script),
    ("a variable in a path", _VARIABLE_FILE, _replaces_variable),
    ("the preferences have path substitutions", True, lambda *_: _has_substitutions()),
    ("the program for a second Nuke", True, lambda *_: Path(nuke.EXE_PATH).is_file()),
    ("nodes inside groups", True, lambda made, _: len(nuke.allNodes("Read", _node(made), True)) == 3),
    ("Qt", "PySide6" if sys.version_info >= (3, 11) else "PySide2", lambda *_: _qt()),
)


def _qt() -> str:
    from ..host import qt

    return str(qt.QtCore.__name__).split(".")[0]
