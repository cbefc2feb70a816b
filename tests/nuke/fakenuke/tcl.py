"""Nuke's evaluation of text: Tcl in brackets, paths to knobs, and the frame in a file's name."""

from __future__ import annotations

import re
import threading
import tkinter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .knobs import Knob
    from .nodes import Node

__all__ = ["evaluate", "expand", "find_knob", "number", "quoted", "technical", "with_frame"]

_HASHES = re.compile(r"#+")
_local = threading.local()


def quoted(text: str) -> str:
    """Return the text as one word of Tcl."""
    return str(_interpreter().tcl.call("format", "%s", _interpreter().tcl.call("list", text)))


def expand(text: str, node: Node, frame: float) -> str:
    """Evaluate the brackets in a text. Raises RuntimeError, as Nuke does on an error."""
    if "[" not in text:
        return text
    return _interpreter().run(("subst", "-nobackslashes", "-novariables", text), node, frame)


def evaluate(script: str, node: Node, frame: float) -> str:
    """Return the result of a Tcl script."""
    return _interpreter().run(("eval", script), node, frame)


def technical(path: str) -> str:
    """Return the path with %04d instead of ####."""
    return _HASHES.sub(lambda found: f"%0{len(found[0])}d", path)


def with_frame(path: str, frame: float) -> str:
    """Return the path of one frame."""
    found = re.search(r"%(\d*)d", technical(path))
    if found is None:
        return path
    number_ = f"{int(frame):0{int(found[1] or 1)}d}"
    return technical(path).replace(found[0], number_)


def find_knob(path: str, node: Node) -> tuple[Knob, str]:
    """Return the knob that "parent.luma.x" means for a node, and the field behind it ("x", or "").

    A node is searched inside the node, then beside it. Raises NameError.
    """
    parts, at = path.split("."), node
    while len(parts) > 1 and (step := _step(parts[0], at, first=at is node)) is not None:
        at, parts = step, parts[1:]
    if parts[0] not in at.knobs() or len(parts) > 2:
        raise NameError(f"there is no knob {path!r} for {node.fullName()}")
    return at.knobs()[parts[0]], parts[1] if len(parts) == 2 else ""


def number(path: str, node: Node, frame: float) -> float:
    """Return the value of a name in an expression of the node: the frame, or a knob's number."""
    from .arrays import Array_Knob

    if path in ("frame", "x", "t"):
        return frame
    if path == "$gui":
        return float(node._session.gui)
    knob, field = find_knob(path, node)
    if not isinstance(knob, Array_Knob):
        raise ValueError(f"{path!r} is no number")
    return knob._number_at(knob._AXES.index(field) if field else 0, frame)


def _step(name: str, node: Node, *, first: bool) -> Node | None:
    if name == "parent":
        return node.parent()
    if name == "this":
        return node
    if name == "root":
        return node._session.root
    if name == "input":
        return node.input(0)
    inside = node._find_child(name)
    if inside is None and first and node is not node._session.root:
        return node.parent()._find_child(name)
    return inside


class _Interpreter:
    """A safe interpreter with the few commands that paths of knobs use."""

    def __init__(self) -> None:
        self.tcl = tkinter.Tcl()
        self._at: list[tuple[Node, float]] = []
        self.tcl.eval("interp create -safe words")
        for name, command in (("value", self._value), ("knob", self._value), ("frame", self._frame)):
            self.tcl.createcommand(f"nuke_{name}", command)
            self.tcl.eval(f"interp alias words {name} {{}} nuke_{name}")
        self.tcl.createcommand("nuke_file", _file)
        self.tcl.eval("interp alias words file {} nuke_file")

    def run(self, command: tuple[str, ...], node: Node, frame: float) -> str:
        self._at.append((node, frame))
        try:
            return str(self.tcl.call("interp", "eval", "words", self.tcl.call("list", *command)))
        except tkinter.TclError as error:
            raise RuntimeError(str(error)) from None
        finally:
            self._at.pop()

    def _value(self, path: str) -> str:
        node, frame = self._at[-1]
        try:
            knob, field = find_knob(path, node)
            if field:
                return f"{number(path, node, frame):g}"
            return knob._text_at(frame)
        except NameError as error:
            raise tkinter.TclError(str(error)) from None

    def _frame(self) -> str:
        return f"{self._at[-1][1]:g}"


def _file(command: str, *paths: str) -> str:
    path = PurePosixPath(paths[0])
    actions = {
        "dirname": lambda: str(path.parent),
        "tail": lambda: path.name,
        "extension": lambda: path.suffix,
        "rootname": lambda: paths[0].removesuffix(path.suffix),
        "join": lambda: str(PurePosixPath(*paths)),
    }
    if command not in actions:
        raise tkinter.TclError(f"the fake has no 'file {command}'")
    return actions[command]()


def _interpreter() -> _Interpreter:
    if not hasattr(_local, "interpreter"):
        _local.interpreter = _Interpreter()
    found: _Interpreter = _local.interpreter
    return found
