"""Scripts: the graph as .nk text, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nkscript
from nkscript import Layer, Push, Set, Step, UserKnob

from . import knobs, tcl, texts
from .arrays import Array_Knob
from .enumerations import Enumeration_Knob
from .groups import Group
from .knobs import Knob
from .nodes import Node
from .user_knobs import KINDS

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Scripts"]

WRITE_ALL, WRITE_USER_KNOB_DEFS, WRITE_NON_DEFAULT_ONLY, TO_SCRIPT, TO_VALUE = 8, 16, 32, 1, 2
_FLAGS = {"STARTLINE": knobs.STARTLINE, "INVISIBLE": knobs.INVISIBLE, "DO_NOT_WRITE": knobs.DO_NOT_WRITE}
_LAST = ("name", "selected", "xpos", "ypos")  # Nuke writes these last


class Scripts:
    """Reads and writes the scripts of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # ---- reading

    def read_text(self, text: str) -> list[Node]:
        """Add the nodes of a script to the current group; return those at its top level. Raises RuntimeError."""
        try:
            steps = nkscript.parse(text)
        except nkscript.ScriptError as error:
            raise RuntimeError(str(error)) from None
        with self._session.reading_script():
            return self._run(steps)

    def _run(self, steps: Sequence[Step]) -> list[Node]:
        stack: list[Node | None] = []
        named: dict[str, Node | None] = {}
        made: list[Node] = []
        selected = self._session.graph.group.selectedNodes()
        for step in steps:
            if isinstance(step, Layer):
                self._session.layers.add(step.name, step.channels)
            elif isinstance(step, Set) and step.reference == "cut_paste_input":
                named["cut_paste_input"] = selected[0] if selected else None
            elif isinstance(step, Set):
                named[step.reference] = stack[-1] if stack else None
            elif isinstance(step, Push):
                stack.append(None if step.reference is None else named.get(step.reference.lstrip("$")))
            elif isinstance(step, nkscript.Node) and (node := self._node(step, stack)) is not None:
                made.append(node)
        return made

    def _node(self, step: nkscript.Node, stack: list[Node | None]) -> Node | None:
        if step.class_name == "Root":
            self._read_into(self._session.root, step)
            return None
        node = self._session.graph.make(step.class_name, name=step.name)
        if isinstance(node, Group):
            self._session.graph.enter(node)
            self._run(step.children)
            self._session.graph.leave()
        self._read_into(node, step)
        count = int(step.knobs.get("inputs", min(1, node.minInputs())))
        inputs = [stack.pop() if stack else None for _ in range(count)]
        for index, above in enumerate(inputs):
            if above is not None:
                node.setInput(index, above)
        stack.append(node)
        return node

    def _read_into(self, node: Node, step: nkscript.Node) -> None:
        for user_knob in step.user_knobs:
            node.addKnob(_made(user_knob))
        for name, value in step.knobs.items():
            if name in ("name", "inputs") and node is not self._session.root:
                continue
            self._read_knob(node, name, value)

    def _read_knob(self, node: Node, name: str, value: str) -> None:
        if name == "inputs":
            return
        if name not in node.knobs():
            raise RuntimeError(f"{node.name()}: {node.Class()} has no knob {name!r} (that the fake knows)")
        node._knobs[name]._read(value)
        node._knob_has_changed(node._knobs[name])

    def read_knobs(self, node: Node, text: str) -> None:
        """`node.readKnobs`: "size 10 mix {{curve x1 0}}"."""
        parts = nkscript.words(text)
        for name, value in zip(parts[::2], parts[1::2]):
            if name == "name":
                node.setName(value)
            else:
                self._read_knob(node, name, value)

    # ---- writing

    def text(self) -> str:
        """Return the text of the whole script."""
        root = self._session.root
        lines = ["#! a stand-in for Nuke -nx", f"version {self._session.version_text}", "Root {", " inputs 0"]
        lines += [*_knob_lines(root), "}"]
        for name, channels in self._session.layers.made().items():
            lines.append(f"add_layer {{{name} {' '.join(channels)}}}")
        lines += self._group_lines(root._nodes)
        return "\n".join(lines) + "\n"

    def copied(self, nodes: Sequence[Node]) -> str:
        """Return the text that `nuke.nodeCopy` writes for these nodes."""
        lines = ["set cut_paste_input [stack 0]", f"version {self._session.version_text}"]
        return "\n".join([*lines, *self._group_lines(nodes)]) + "\n"

    def _group_lines(self, nodes: Sequence[Node], indent: str = "") -> Iterator[str]:
        ordered = _in_order(nodes)
        reference = {node: f"N{index:x}" for index, node in enumerate(ordered)}
        for node in ordered:
            inputs = [above if above in reference else None for above in node._inputs]
            for above in reversed(inputs):
                yield f"push ${reference[above]}" if above is not None else "push 0"
            yield f"{indent}{node.Class()} {{"
            yield f"{indent} inputs {len(inputs)}"
            yield from (indent + line for line in _knob_lines(node))
            yield f"{indent}}}"
            if isinstance(node, Group):
                yield from self._group_lines(node._nodes, indent + " ")
                yield f"{indent}end_group"
            yield f"set {reference[node]} [stack 0]"

    def write_knobs(self, node: Node, flags: int) -> str:
        """`node.writeKnobs`, only with TO_SCRIPT, in the form of a script."""
        if not flags & TO_SCRIPT:
            raise NotImplementedError("the fake writes knobs only as scripts have them")
        return "\n".join(line.strip() for line in _knob_lines(node))

    # ---- files

    def save(self, path: Path) -> None:
        """Write the script."""
        root = self._session.root
        self._session.callbacks.call("OnScriptSave", root)
        root._knobs["name"]._read(path.as_posix())
        try:
            path.write_text(self.text(), encoding="utf-8")
        except OSError as error:
            raise RuntimeError(f"Can't write {path.as_posix()}: {error.strerror}") from None
        root.setModified(False)

    def save_copy(self, path: Path) -> None:
        """`nuke.scriptSaveToTemp`: the script keeps its name and its mark "modified". It never overwrites."""
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(self.text())
        except OSError as error:
            raise RuntimeError(f"Can't write {path.as_posix()}: {error.strerror}") from None

    def open(self, path: Path) -> None:
        """Replace the current script by reading another."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RuntimeError(f"Can't read {path.as_posix()}: {error.strerror}") from None
        self._session.clear()
        self._session.root._knobs["name"]._read(path.as_posix())
        made = self.read_text(text)
        self._session.root._knobs["name"]._read(path.as_posix())
        self._session.root.setModified(False)
        self._session.undo.clear()
        for node in made:
            self._session.callbacks.call("OnCreate", node)
        self._session.callbacks.call("OnScriptLoad", self._session.root)


def _made(definition: UserKnob) -> Knob:
    """Return the knob that an addUserKnob line describes."""
    if definition.number not in KINDS:
        raise RuntimeError(f"addUserKnob {definition.number} {definition.name}: the fake has no such knob")
    knob = KINDS[definition.number](definition.name, definition.label)
    knob._tooltip = definition.tooltip
    for flag in definition.flags:
        change = knob.setFlag if flag[0] == "+" else knob.clearFlag
        change(_FLAGS.get(flag[1:], 0))
    if definition.limits and isinstance(knob, Array_Knob):
        knob.setRange(*definition.limits)
    if isinstance(knob, Enumeration_Knob):
        knob.setValues(definition.choices)
    elif isinstance(knob, knobs.Link_Knob):
        knob.setLink(definition.text)
    elif isinstance(knob, texts.String_Knob) and definition.text:
        knob._read(definition.text)
    return knob


def _knob_lines(node: Node) -> Iterator[str]:
    """Yield the lines of a node's body: its user knobs, and each value that is not the default."""
    ordinary = [knob for name, knob in node._knobs.items() if name not in _LAST and knob not in node._user_knobs]
    for knob in ordinary:
        yield from _value_lines(knob)
    for name in _LAST:
        if not (name == "selected" and node.parent() is not node._session.root):
            yield from _value_lines(node._knobs[name])
    for knob in node._user_knobs:
        yield f" addUserKnob {{{_user_knob(knob)}}}"
        yield from _value_lines(knob)


def _value_lines(knob: Knob) -> Iterator[str]:
    if not knob._is_default() and not knob.getFlag(knobs.DO_NOT_WRITE) and not isinstance(knob, texts.PyScript_Knob):
        yield f" {knob.name()} {tcl.quoted(knob._write())}"


def _user_knob(knob: Knob) -> str:
    number = next(number for number, kind in KINDS.items() if kind is type(knob))
    parts = [str(number), knob.name()]
    if knob._label is not None and knob._label != knob.name():
        parts += ["l", knob._label]
    if knob._tooltip:
        parts += ["t", knob._tooltip]
    definition = knob._definition()
    head = [tcl.quoted(part) for part in parts]
    limits = definition[:1] == ["R"]
    head += definition if limits else [tcl.quoted(part) for part in definition]
    for name, flag in _FLAGS.items():
        if knob.getFlag(flag) != bool(knob._FLAGS & flag):
            head.append(f"{'+' if knob.getFlag(flag) else '-'}{name}")
    return " ".join(head)


def _in_order(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes in order, each after its inputs."""
    found: dict[Node, None] = {}
    for node in nodes:
        _add(node, found, nodes)
    return list(found)


def _add(node: Node, found: dict[Node, None], nodes: Sequence[Node]) -> None:
    for above in node._inputs:
        if above is not None and above not in found and above in nodes:
            _add(above, found, nodes)
    found.setdefault(node)
