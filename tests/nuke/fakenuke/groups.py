"""Groups, and the script itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import node_classes
from .nodes import Node, Viewer

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Group", "Root", "make"]


class Group(Node):
    """A node that holds nodes; `with group:` creates inside it."""

    __slots__ = ("_nodes",)

    def __init__(self, session: Session, class_name: str, parent: Group | None) -> None:
        self._nodes: list[Node] = []
        super().__init__(session, class_name, parent)

    def _find_child(self, name: str) -> Node | None:
        return next((node for node in self._nodes if node.name() == name), None)

    def _input_nodes(self) -> list[Node]:
        found = [node for node in self._nodes if node.Class() == "Input"]
        return sorted(found, key=lambda node: int(node["number"].value()))

    def _most_inputs(self) -> int:
        return len(self._input_nodes())

    def minInputs(self) -> int:
        return self._most_inputs()

    def nodes(self) -> list[Node]:
        return list(self._nodes)

    def numNodes(self) -> int:
        return len(self._nodes)

    def node(self, s: str) -> Node | None:
        at: Node | None = self
        for name in s.split("."):
            at = at._find_child(name) if at is not None else None
        return at

    def selectedNodes(self) -> list[Node]:
        return [node for node in reversed(self._nodes) if node.isSelected()]

    def selectedNode(self) -> Node | None:
        return next(iter(self.selectedNodes()), None)

    def output(self) -> Node | None:
        return next((node for node in self._nodes if node.Class() == "Output"), None)

    def begin(self) -> Group:
        self._session.callbacks.refuse_inside_knob_changed("begin")
        self._session.graph.enter(self)
        return self

    def end(self) -> None:
        self._session.graph.leave()

    def run(self, callable: Callable[..., Any], *arguments: Any) -> Any:
        with self:
            return callable(*arguments)

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, *details: object) -> None:
        self.end()


class Root(Group):
    """The script."""

    __slots__ = ("_modified",)

    def __init__(self, session: Session) -> None:
        self._modified = False
        session.root = self
        super().__init__(session, "Root", None)
        self._knobs["frame"]._quiet = True

    @property
    def _now(self) -> float:
        """The current frame, for the fake."""
        return float(self._knobs["frame"]._numbers[0].value)

    def name(self) -> str:
        return self._text("name") or "Root"

    def fullName(self) -> str:
        return "root"

    def modified(self) -> bool:
        return self._modified

    def setModified(self, modified: bool) -> None:
        if not self._session.reading:
            self._modified = bool(modified)

    def firstFrame(self) -> int:
        return int(self["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self["last_frame"].value())

    def fps(self) -> int:
        return int(self["fps"].value())

    def realFps(self) -> float:
        return float(self["fps"].value())

    def setFrame(self, frame: float) -> None:
        self._session.go_to(frame)

    def setProxy(self, proxy: bool) -> None:
        self["proxy"].setValue(proxy)

    def channels(self) -> list[str]:
        return self._session.layers.channels()

    def layers(self) -> list[str]:
        return self._session.layers.names()

    def width(self) -> int:
        return int(self._text("format").split()[0])

    def height(self) -> int:
        return int(self._text("format").split()[1])


def make(session: Session, class_name: str, parent: Group) -> Node:
    """Return a new node outside of any graph. Raises RuntimeError if the class is unknown."""
    if class_name not in node_classes.CLASSES or class_name == "Root":
        raise RuntimeError(f"{class_name}: Unknown command")
    kind = {"Group": Group, "LiveGroup": Group, "VariableGroup": Group, "Viewer": Viewer}.get(class_name, Node)
    return kind(session, class_name, parent)
