"""Nuke scripts and gizmos, read by Tcl itself: .nk and .gizmo files are Tcl commands.

The text runs in a safe interpreter that has no commands left, so that each one lands in `unknown` and is recorded.
"""

from __future__ import annotations

import tkinter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Union

__all__ = ["Layer", "Node", "Push", "ScriptError", "Set", "Step", "UserKnob", "Version", "nodes", "parse", "words"]

_WITH_CHILDREN = ("Group", "LiveGroup", "Gizmo")


class ScriptError(Exception):
    """A script that Nuke could not read; the message begins with the line number."""


@dataclass(frozen=True)
class UserKnob:
    """An addUserKnob line.

    number: the kind (2 file, 20 tab, 22 button...). label: the name if the line has none. text: the part after T,
    the script of a button, the knob that a link leads to, or the words of a text. choices: of an enumeration. limits:
    of a slider. flags: as written, "+STARTLINE". default: the value from the node's body, None without one.
    """

    number: int
    name: str
    label: str
    tooltip: str = ""
    text: str = ""
    choices: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    flags: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class Node:
    """A node command. knobs: values that its body sets, in order, each one word (see `words`). children: of a group."""

    class_name: str
    knobs: dict[str, str]
    user_knobs: tuple[UserKnob, ...]
    children: list[Step]
    line: int

    @property
    def name(self) -> str:
        """Return the name that the script gives the node, "" without one."""
        return self.knobs.get("name", "")


@dataclass(frozen=True)
class Push:
    """Put a node on the stack of inputs. reference: as in `Set`, None for `push 0`, an input left open."""

    reference: str | None


@dataclass(frozen=True)
class Set:
    """Name the node on top of the stack for `Push`: `set N123 [stack 0]`."""

    reference: str


@dataclass(frozen=True)
class Layer:
    """A layer declared by `add_layer`. channels: with the name of the layer, "rc_ab.u"."""

    name: str
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """The version of Nuke that wrote the script, for example "14.0 v5"."""

    text: str


Step = Union[Node, Push, Set, Layer, Version]  # noqa: UP007  (evaluated at run time, also in Python 3.9)


def parse(text: str) -> list[Step]:
    """Return the commands of a script in order; the content of a group is in its node's `children`.

    A node takes its `inputs` knob's number of nodes (1 without it) from the stack, the topmost as input 0, and lies on
    the stack itself then. Raises ScriptError.
    """
    reader = _Reader()
    steps: list[Step] = []
    open_groups: list[list[Step]] = [steps]
    for line, command in reader.commands(text, first_line=1):
        if command == ("end_group",):
            if len(open_groups) == 1:
                raise ScriptError(f"line {line}: end_group without a group")
            open_groups.pop()
            continue
        step = _step(reader, line, command)
        open_groups[-1].append(step)
        if isinstance(step, Node) and step.class_name in _WITH_CHILDREN:
            open_groups.append(step.children)
    if len(open_groups) > 1:
        raise ScriptError("the last line: a group is not ended by end_group")
    return steps


def nodes(steps: Sequence[Step]) -> Iterator[Node]:
    """Yield all nodes, also those inside groups, each group before its content."""
    for step in steps:
        if isinstance(step, Node):
            yield step
            yield from nodes(step.children)


@cache  # an interpreter takes a millisecond to make, and must stay in its thread
def words(value: str) -> tuple[str, ...]:
    """Split a knob's value as a Tcl list: "{curve K x1 1} 2" gives "curve K x1 1" and "2"."""
    return tuple(map(str, tkinter.Tcl().splitlist(value)))


def _step(reader: _Reader, line: int, command: tuple[str, ...]) -> Step:
    name, *rest = command or ("",)
    if name == "version":
        return Version(" ".join(rest))
    if name == "push" and len(rest) == 1:
        return Push(None if rest[0] == "0" else rest[0])
    if name == "set" and rest[1:] == ["stack 0"]:
        return Set(rest[0])
    if name == "add_layer" and len(rest) == 1:
        layer, *channels = words(rest[0])
        return Layer(layer, tuple(channels))
    if len(rest) == 1:
        return _node(reader, line, name, rest[0])
    raise ScriptError(f"line {line}: {' '.join(command)[:80]!r} is not a node")


def _node(reader: _Reader, line: int, class_name: str, body: str) -> Node:
    knobs: dict[str, str] = {}
    declared: list[UserKnob] = []
    for at, command in reader.commands(body, first_line=line):
        if len(command) != 2:
            raise ScriptError(f"line {at}: {' '.join(command)[:80]!r} in {class_name} is not a knob and its value")
        if command[0] == "addUserKnob":
            declared.append(_user_knob(at, command[1]))
        else:
            knobs[command[0]] = command[1]
    user_knobs = tuple(replace(knob, default=knobs.get(knob.name)) for knob in declared)
    return Node(class_name, knobs, user_knobs, [], line)


def _user_knob(line: int, text: str) -> UserKnob:
    try:
        number, name, *rest = words(text)
        knob = UserKnob(int(number), name, label=name)
        options = iter(rest)
        for option in options:
            if option[0] in "+-":
                knob = replace(knob, flags=(*knob.flags, option))
            elif option == "l":
                knob = replace(knob, label=next(options))
            elif option == "t":
                knob = replace(knob, tooltip=next(options))
            elif option == "T":
                knob = replace(knob, text=next(options))
            elif option == "M":
                knob = replace(knob, choices=words(next(options)))
            elif option == "R":
                knob = replace(knob, limits=(float(next(options)), float(next(options))))
            elif option == "n":
                next(options)  # whether the group of a tab is open or closed
            else:
                raise ValueError(f"unknown option {option!r}")
    except (ValueError, IndexError, StopIteration, tkinter.TclError) as error:
        raise ScriptError(f"line {line}: addUserKnob {{{text[:80]}}} cannot be read ({error})") from None
    return knob


class _Reader:
    """A safe interpreter without commands, which only records."""

    def __init__(self) -> None:
        self._tcl = tkinter.Tcl()
        self._recorded: list[tuple[str, ...]] = []
        self._tcl.createcommand("record", self._record)
        self._tcl.eval("interp create -safe script")
        self._tcl.eval("foreach command [interp eval script {info commands}] {interp hide script $command}")
        self._tcl.eval("interp alias script unknown {} record")

    def commands(self, text: str, *, first_line: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield each command of a script with the number of its first line."""
        start, pending = first_line, ""
        for number, line in enumerate(text.split("\n"), first_line):
            start = start if pending else number
            pending += line + "\n"
            if not self._tcl.call("info", "complete", pending):
                continue
            self._recorded.clear()
            try:
                self._tcl.call("interp", "eval", "script", pending)
            except tkinter.TclError as error:
                raise ScriptError(f"line {start}: {error}") from None
            found = [command for command in self._recorded if command[0] != "stack"]
            if len(found) > 1:
                raise ScriptError(
                    f"line {start}: {pending.strip()[:80]!r} runs {' '.join(found[0])!r}; write \\[ for ["
                )
            yield from ((start, command) for command in found)
            pending = ""
        if pending.strip():
            raise ScriptError(f"line {start}: {pending.strip()[:80]!r} has no end")

    def _record(self, *command: str) -> str:
        self._recorded.append(tuple(map(str, command)))
        if command[0] == "set" and len(command) == 3:
            self._tcl.call("interp", "invokehidden", "script", "set", command[1], command[1])
        return " ".join(command)
