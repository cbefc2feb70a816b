"""The graph: making, naming, finding and deleting nodes, and the current group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expressions import ExpressionError, names

from . import node_classes, nodes, tcl
from .arrays import Array_Knob
from .groups import Group, make
from .nodes import Node

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Graph"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Graph:
    """The nodes of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._entered: list[Group] = []

    @property
    def group(self) -> Group:
        """Return the group that new nodes are added to."""
        return self._entered[-1] if self._entered else self._session.root

    def enter(self, group: Group) -> None:
        """`group.begin()`."""
        self._entered.append(group)

    def leave(self) -> None:
        """`group.end()`."""
        if self._entered:
            self._entered.pop()

    def leave_all(self) -> None:
        """Return to the root."""
        self._entered.clear()

    # ---- making

    def make(self, class_name: str, *, name: str = "") -> Node:
        """Make a node in the current group, as a step of undo. Raises RuntimeError for an unknown class."""
        self._session.main_thread.require()
        node, parent = make(self._session, class_name, self.group), self.group
        node._knobs["name"]._read(self._free(name or f"{class_name}1", parent))
        if class_name == "Input" and not self._session.reading:
            node._knobs["number"]._read(str(len(parent._input_nodes())))
        self._session.undo.do(lambda: parent._nodes.append(node), lambda: parent._nodes.remove(node))
        self._session.root.setModified(True)
        return node

    def create(self, class_name: str, knobs: str = "", inpanel: bool = True) -> Node:
        """`nuke.createNode`: connects the node to the selection, and selects it. Finds gizmos on the plug-in path."""
        if not isinstance(class_name, str) or not isinstance(knobs, str):
            raise TypeError("createNode takes a class and its knobs as str")
        selected = self.group.selectedNodes()
        node = self._make_or_load(class_name)
        if knobs:
            node.readKnobs(knobs)
        self._connect_to(node, selected)
        node.selectOnly()
        node.autoplace()
        if inpanel and self._session.gui:
            node.showControlPanel()
        self._session.callbacks.call("OnUserCreate", node)
        self._session.callbacks.call("OnCreate", node)
        return node

    def construct(self, class_name: str, knobs: Mapping[str, Any]) -> Node:
        """`nuke.nodes.X(knob=value, inputs=[...])`: no other connection, and not selected."""
        node = self._make_or_load(class_name)
        for index, above in enumerate(knobs.get("inputs", ())):
            if not node.setInput(index, above):
                raise RuntimeError(f"{node.name()} takes no input {index}")
        for name, value in knobs.items():
            if name == "name":
                node.setName(value)
            elif name != "inputs":
                self._construct_knob(node, name, value)
        self._session.callbacks.call("OnCreate", node)
        return node

    @staticmethod
    def _construct_knob(node: Node, name: str, value: Any) -> None:
        knob = node[name]
        if isinstance(value, str) and isinstance(knob, Array_Knob):
            knob.fromScript(value)
        else:
            knob.setValue(value)

    def _make_or_load(self, class_name: str) -> Node:
        self._session.touch("the node graph")
        self._session.root.setModified(True)
        if class_name in node_classes.CLASSES:
            node = self.make(class_name)
            self._session.knob_defaults.apply(node)
            return node
        for folder in self._session.plugin_paths:
            for ending in (".gizmo", ".nk"):
                path = Path(folder) / f"{class_name}{ending}"
                if path.is_file():
                    node = self._session.scripts.read_text(path.read_text(encoding="utf-8"))[-1]
                    self.rename(node, f"{class_name}1", uncollide=True)
                    return node
        raise RuntimeError(f"{class_name}: Unknown command")

    @staticmethod
    def _connect_to(node: Node, selected: list[Node]) -> None:
        below = {above: above.dependent(nodes.INPUTS) for above in selected[:1]}
        for index, above in enumerate(selected[: node.maxInputs()]):
            node.setInput(index, above)
        if len(selected) == 1 and node.input(0) is selected[0] and node.maxOutputs():
            for other in below[selected[0]]:  # as in Nuke: inserted into the pipe below
                if other is not node and other.Class() != "Viewer":
                    index = other._inputs.index(selected[0])
                    other.setInput(index, node)

    # ---- deleting

    def delete(self, node: Node) -> None:
        """`nuke.delete`: the nodes below are connected to the input of the deleted node."""
        if not isinstance(node, Node):
            raise TypeError("nuke.delete takes a Node")
        self._session.main_thread.require()
        self._session.touch("the node graph")
        parent = node.parent()
        if node not in parent._nodes:
            raise ValueError("A PythonObject is not attached to a node")
        self._session.callbacks.call("OnDestroy", node)
        for other in node.dependent(nodes.INPUTS):
            other._connect([node.input(0) if at is node else at for at in other._inputs])
        place = parent._nodes.index(node)
        self._session.undo.do(lambda: parent._nodes.remove(node), lambda: parent._nodes.insert(place, node))
        self._session.root.setModified(True)

    # ---- names

    def rename(self, node: Node, name: str, *, uncollide: bool) -> None:
        """`node.setName`: a used name gets the next free number. Raises ValueError for a name that Nuke refuses."""
        if not isinstance(name, str):
            raise TypeError("a node's name must be str")
        if not _NAME.fullmatch(name):
            raise ValueError(f"Bad node name {name!r}: only letters, digits and _")
        siblings = [other for other in node.parent()._nodes if other is not node]
        if not uncollide and name in [other.name() for other in siblings]:
            raise ValueError(f"There is already a node named {name!r}")
        free = self._free(name, node.parent(), but=node)
        with node._knobs["name"]._changing():
            node._knobs["name"]._read(free)

    @staticmethod
    def _free(name: str, parent: Group, but: Node | None = None) -> str:
        taken = {node.name() for node in parent._nodes if node is not but}
        base = name.rstrip("0123456789")
        number = int(name[len(base) :] or 0)
        while name in taken:
            number += 1
            name = f"{base}{number}"
        return name

    # ---- finding

    def find(self, path: str) -> Node | None:
        """`nuke.toNode`: by name in the current group, or by full name."""
        if not isinstance(path, str):
            raise TypeError("toNode takes str")
        if path == "preferences":
            return self._session.preferences()
        self._session.main_thread.require()
        if path == "root":
            return self._session.root
        return self.group.node(path) or self._session.root.node(path.removeprefix("root."))

    def all(self, filter: str | None = None, group: Group | None = None, recurseGroups: bool = False) -> list[Node]:
        """`nuke.allNodes`: the newest first."""
        found: list[Node] = []
        for node in reversed((group or self.group)._nodes):
            found.append(node)
            if recurseGroups and isinstance(node, Group) and self._is_entered(node):
                found += self.all(None, node, True)
        return [node for node in found if filter in (None, node.Class())]

    def _is_entered(self, group: Group) -> bool:
        return group.Class() != "LiveGroup" or self._session.disputed.recursion_enters_live_groups

    def selected(self, filter: str | None = None) -> list[Node]:
        """`nuke.selectedNodes`."""
        return [node for node in self.group.selectedNodes() if filter in (None, node.Class())]

    def selected_one(self) -> Node:
        """`nuke.selectedNode`; raises ValueError if nothing is selected."""
        found = self.selected()
        if not found:
            raise ValueError("no node selected")
        return found[0]

    def nodes_in_expressions(self, node: Node) -> list[Node]:
        """Return the other nodes whose knobs a node's expressions read."""
        found = []
        for knob in node.allKnobs():
            for number in knob._numbers if isinstance(knob, Array_Knob) else ():
                try:
                    paths = names(number.expression or "0") - {"frame"}
                    found += [tcl.find_knob(path, node)[0].node() for path in paths]
                except (ExpressionError, NameError):
                    continue
        return [other for other in found if other is not node]
