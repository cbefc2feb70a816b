"""Ask a real Nuke what the plug-in assumes of it. `python3 install.py nuke-probe` writes the script that runs this.

Each answer is held against docs/nuke_facts.yaml: where it is another, the plug-in may be wrong in that Nuke. Nodes that
it makes are deleted again, and files lie in a temporary folder. Main thread only.
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

from . import inputs, knob_paths, views
from .helper_nodes import temporary_nodes
from .spaces import SPACES

__all__ = ["ask", "lines", "main"]

_FRAME = 7
_SAID = "this is not to be saved"


def main(path: str) -> None:
    """Ask everything, write the answers as JSON and say where they are."""
    answers = ask()
    Path(path).write_text(json.dumps(answers, indent=2) + "\n", encoding="utf-8")
    failed = ", ".join(answers["failed"]) or "none"
    nuke.tprint(f"RefColorize: {len(answers['facts'])} assumptions asked, not so: {failed}. Please send {path}.")


def ask() -> dict[str, Any]:
    """What this Nuke is, and each fact as it is found in it. failed: those that are other than the plug-in assumes."""
    with _nothing_selected(), tempfile.TemporaryDirectory(prefix="refcolorize-") as folder, temporary_nodes() as made:
        facts = [_asked(name, expected, question, made, Path(folder)) for name, expected, question in _QUESTIONS]
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
    """A node that is made would go between a selected one and what is below it."""
    chosen = nuke.selectedNodes()
    for node in chosen:
        node.setSelected(False)
    try:
        yield
    finally:
        for node in chosen:
            node.setSelected(True)


def lines() -> list[str]:
    """The same for the artist: a line for each assumption that is not so, and what to do; main thread only.

    Takes a second or two, in which the script is left as it was.
    """
    answers = ask()
    wrong = [fact for fact in answers["facts"] if fact["found"] != fact["expected"]]
    said = f"Nuke {answers['nuke']} was asked {len(answers['facts'])} things that RefColorize relies on."
    if not wrong:
        return [f"{said} All are so. Nothing to do."]
    return [
        f"{said} {len(wrong)} are not so. Run install.py nuke-probe and send what it writes (docs/first-shot-nuke.md).",
        *(f"    {fact['fact']}: {fact['found']!r}, and not {fact['expected']!r}" for fact in wrong),
    ]


Question = Callable[["list[nuke.Node]", Path], Any]


def _asked(name: str, expected: Any, question: Question, made: list[nuke.Node], folder: Path) -> dict[str, Any]:
    try:
        found = question(made, folder)
    except Exception as error:  # noqa: BLE001  (an answer like any other: what Nuke raises is what is asked)
        found = f"{type(error).__name__}: {error}"
    return {"fact": name, "expected": expected, "found": found}


def _read(made: list[nuke.Node], path: str) -> nuke.Node:
    made.append(nuke.nodes.Read(file=path, first=1, last=_FRAME))
    return made[-1]


def _file(made: list[nuke.Node]) -> nuke.File_Knob:
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


def _own_files(made: list[nuke.Node], folder: Path) -> str:
    del folder
    return str(knob_paths.frame_name(_read(made, "[join {/no/plate}].####.exr"), "file"))


def _numbers_of_space(made: list[nuke.Node], folder: Path) -> bool:
    del folder
    node = _node(made)
    node["working_space"].setValue("ACEScg")
    return [round(x, 5) for x in node["luma"].value()] == [round(x, 5) for x in SPACES["ACEScg"].luma]


def _saves_status(made: list[nuke.Node], folder: Path) -> bool:
    node = _node(made)
    node["status"].setValue(_SAID)
    node.selectOnly()
    nuke.nodeCopy((folder / "node.nk").as_posix())
    return _SAID in (folder / "node.nk").read_text(encoding="utf-8")


def _mask(made: list[nuke.Node], folder: Path) -> str:
    del folder
    show = cast("nuke.Group", _node(made)).node("ShowIds00")
    return str(show["channel0"].toScript()) if show is not None else "no node"


def _renders(made: list[nuke.Node], folder: Path) -> list[str]:
    made.append(nuke.nodes.CheckerBoard2())
    pattern = Path(inputs.rendered(made[-1], [1, 2], folder / "inputs", name="ref"))
    return sorted(path.name for path in pattern.parent.glob("*.exr"))


def _takes_default(made: list[nuke.Node], folder: Path) -> str:
    del folder
    before = nuke.knobDefault("Write.first") or "1"
    nuke.knobDefault("Write.first", "5")
    made.append(nuke.nodes.Write())
    nuke.knobDefault("Write.first", before)
    return str(int(made[-1]["first"].value()))


_QUESTIONS: tuple[tuple[str, Any, Question], ...] = (
    ("File_Knob.value", "/no/plate.%04d.exr", lambda made, _: _file(made).value()),
    ("File_Knob.toScript", "/no/plate.####.exr", lambda made, _: _file(made).toScript()),
    ("File_Knob.evaluate", "/no/plate.0007.exr", lambda made, _: _at_frame(_file(made).evaluate)),
    ("File_Knob.getEvaluatedValue", "/no/plate.0007.exr", lambda made, _: _at_frame(_file(made).getEvaluatedValue)),
    ("nuke.filename", "/no/plate.%04d.exr", lambda made, _: nuke.filename(_read(made, "/no/plate.####.exr"))),
    ("a path with Tcl", "/no/plate.####.exr", _own_files),
    ("knobChanged of the Group", True, _numbers_of_space),
    ("the status is saved", False, _saves_status),
    ("a mask of one channel", "{rgba.red -rgba.green -rgba.blue none}", _mask),
    ("a helper Write renders", ["ref.0001.exr", "ref.0002.exr"], _renders),
    ("nuke.nodes takes knobDefaults", "5", _takes_default),
    ("nuke.FrameRanges", 3, lambda *_: sum(len(list(part)) for part in nuke.FrameRanges(["1-2", "9"]))),
    ("the view that is coloured", True, lambda *_: views.current() in nuke.views()),
    ("nodes inside groups", True, lambda made, _: len(nuke.allNodes("Read", _node(made), True)) == 1),
    ("Qt", "PySide6" if sys.version_info >= (3, 11) else "PySide2", lambda *_: _qt()),
)


def _qt() -> str:
    from ..host import qt

    return str(qt.QtCore.__name__).split(".")[0]
