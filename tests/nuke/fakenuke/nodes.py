"""Nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import colorspaces, node_classes, tcl, variables
from .knobs import Knob
from .views import with_view

if TYPE_CHECKING:
    from .formats import Format, FrameRange
    from .groups import Group
    from .session import Session

INPUTS, HIDDEN_INPUTS, EXPRESSIONS, LINKINPUTS = 1, 2, 4, 8


class Node:
    """A node. It has the knobs of its class, and those that were added to it."""

    __slots__ = ("_class", "_inputs", "_knobs", "_parent", "_session", "_user_knobs")

    def __init__(self, session: Session, class_name: str, parent: Group | None) -> None:
        self._session, self._class, self._parent = session, class_name, parent
        self._knobs: dict[str, Knob] = {}
        self._user_knobs: list[Knob] = []
        self._inputs: list[Node | None] = []
        for knob in node_classes.make_knobs(class_name).values():
            self._take(knob)
        self._knobs["selected"]._quiet = True
        if class_name in ("Read", "Write"):
            self._knobs["colorspace"]._choices = lambda: colorspaces.choices(self)

    # ---- for the fake

    def _take(self, knob: Knob) -> None:
        knob._node = self
        if knob.name():  # a divider has no name
            self._knobs[knob.name()] = knob

    def _text(self, name: str) -> str:
        """Return the stored value of a text knob."""
        return self._knobs[name]._write()

    def _knob_has_changed(self, knob: Knob) -> None:
        """Handle a change, before the callbacks."""
        self._session.root.setModified(True)
        if self._class == "Write" and knob.name() == "file_type":
            self._show_format_knobs()

    def _show_format_knobs(self) -> None:
        for makers in node_classes.WRITE_FORMATS.values():
            for make in makers:
                self._knobs.pop(make().name(), None)
        for make in node_classes.WRITE_FORMATS.get(self._text("file_type"), ()):
            self._take(make())
        if not self._session.reading:
            self._session.knob_defaults.apply(self, self._text("file_type"))

    def _require_attached(self) -> None:
        """Raise ValueError if the node was deleted, or its script closed."""
        top = self
        while top._parent is not None and top._class != "Preferences":
            if top not in top._parent._nodes:
                raise ValueError("A PythonObject is not attached to a node")
            top = top._parent
        if top is not self._session.root and top is not self:  # the root and the preferences are always there
            raise ValueError("A PythonObject is not attached to a node")

    def _find_child(self, name: str) -> Node | None:
        del name
        return None

    def _most_inputs(self) -> int:
        return node_classes.CLASSES[self._class].most

    def _connect(self, inputs: list[Node | None]) -> None:
        """Set the inputs, as one change that can be undone."""
        before, after = self._inputs, inputs
        while after and after[-1] is None:
            after = after[:-1]

        def put(these: list[Node | None]) -> Callable[[], None]:
            return lambda: setattr(self, "_inputs", these)

        put(after)()
        self._session.undo.record(put(before), put(after))
        self._session.root.setModified(True)

    def _enabled(self) -> bool:
        return "disable" not in self._knobs or not self._knobs["disable"].value()

    # ---- names and places

    def Class(self) -> str:
        return self._class

    def name(self) -> str:
        return self._text("name")

    def fullName(self) -> str:
        self._require_attached()
        above = self._parent
        return self.name() if above is None or above is self._session.root else f"{above.fullName()}.{self.name()}"

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        del updateExpressions
        self._session.graph.rename(self, name, uncollide=uncollide)

    def parent(self) -> Group:
        return self._parent or self._session.root

    def rootNode(self) -> Group:
        return self._session.root

    def xpos(self) -> int:
        return int(self._knobs["xpos"].value())

    def ypos(self) -> int:
        return int(self._knobs["ypos"].value())

    def setXpos(self, x: int) -> None:
        self._knobs["xpos"].setValue(x)

    def setYpos(self, y: int) -> None:
        self._knobs["ypos"].setValue(y)

    def setXYpos(self, x: int, y: int) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self) -> int:
        return 80

    def screenHeight(self) -> int:
        return 18

    def autoplace(self) -> None:
        above = self.input(0)
        if above is not None:
            self.setXYpos(above.xpos(), above.ypos() + 60)

    def help(self) -> str:
        return self._text("help")

    def isSelected(self) -> bool:
        return bool(self._knobs["selected"].value())

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"].setValue(selected)

    def selectOnly(self) -> None:
        for node in self.parent().nodes():
            node.setSelected(node is self)

    def showControlPanel(self, forceFloat: bool = False) -> None:
        del forceFloat
        self._session.artist.require_gui("showControlPanel")
        self._session.artist.open_panels.add(self.fullName())

    def hideControlPanel(self) -> None:
        self._session.artist.open_panels.discard(self.fullName())

    def shown(self) -> bool:
        return self.fullName() in self._session.artist.open_panels

    # ---- knobs

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def allKnobs(self) -> list[Knob]:
        return list(self._knobs.values())

    def knob(self, p: str | int, follow_link: bool = True) -> Knob | None:
        del follow_link
        if isinstance(p, int):
            return self.allKnobs()[p]
        return self._knobs.get(p)

    def __getitem__(self, name: str) -> Knob:
        self._require_attached()
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def numKnobs(self) -> int:
        return len(self._knobs)

    def getNumKnobs(self) -> int:
        return len(self._knobs)

    def addKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"addKnob takes a knob, not {type(knob).__name__}")
        if knob.name() in self._knobs:
            raise ValueError(f"{self.name()} has a knob {knob.name()} already")
        self._session.undo.do(lambda: self._add(knob), lambda: self._remove(knob))
        self._session.root.setModified(True)

    def removeKnob(self, knob: Knob) -> None:
        if knob not in self._user_knobs:
            raise ValueError(f"{knob.name()} is not a knob that was added to {self.name()}")
        self._session.undo.do(lambda: self._remove(knob), lambda: self._add(knob))
        self._session.root.setModified(True)

    def _add(self, knob: Knob) -> None:
        self._user_knobs.append(knob)
        self._take(knob)

    def _remove(self, knob: Knob) -> None:
        self._user_knobs.remove(knob)
        self._knobs.pop(knob.name(), None)

    def readKnobs(self, s: str) -> None:
        self._session.scripts.read_knobs(self, s)

    def writeKnobs(self, flags: int = 0) -> str:
        return self._session.scripts.write_knobs(self, flags)

    def resetKnobsToDefault(self) -> None:
        fresh = node_classes.make_knobs(self._class)
        for name in fresh.keys() - {"name", "xpos", "ypos", "selected"}:
            knob = self._knobs[name]
            with knob._changing():
                knob._recall(fresh[name]._memory())

    # ---- inputs

    def input(self, index: int) -> Node | None:
        return self._inputs[index] if 0 <= index < len(self._inputs) else None

    def inputs(self) -> int:
        return len(self._inputs)

    def maxInputs(self) -> int:
        return self._most_inputs()

    def maximumInputs(self) -> int:
        return self._most_inputs()

    def minInputs(self) -> int:
        return min(node_classes.CLASSES[self._class].shown, self._most_inputs())

    def minimumInputs(self) -> int:
        return self.minInputs()

    def maxOutputs(self) -> int:
        return 0 if self._class == "Viewer" else 1

    def canSetInput(self, i: int, node: Node | None) -> bool:
        if not 0 <= i < self._most_inputs():
            return False
        return node is None or (node._parent is self._parent and self not in set(upstream(node)))

    def setInput(self, i: int, node: Node | None) -> bool:
        if not isinstance(i, int) or not (node is None or isinstance(node, Node)):
            raise TypeError("setInput takes an int and a Node or None")
        self._session.main_thread.require()
        if not self.canSetInput(i, node):
            return False
        filled = self._inputs + [None] * (i + 1 - len(self._inputs))
        self._connect([*filled[:i], node, *filled[i + 1 :]])
        return True

    def connectInput(self, i: int, node: Node | None) -> bool:
        return self.setInput(i, node)

    def dependencies(self, what: int = INPUTS | HIDDEN_INPUTS | EXPRESSIONS) -> list[Node]:
        found: list[Node] = []
        if what & INPUTS:
            found += [node for node in self._inputs if node is not None]
        if what & EXPRESSIONS:
            found += self._session.graph.nodes_in_expressions(self)
        return list(dict.fromkeys(found))

    def dependent(self, what: int = INPUTS | HIDDEN_INPUTS | EXPRESSIONS, forceEvaluate: bool = True) -> list[Node]:
        del forceEvaluate
        return [node for node in self.parent().nodes() if self in node.dependencies(what)]

    # ---- pictures

    def channels(self) -> list[str]:
        return self._session.pictures.channels(self)

    def metadata(self, key: str | None = None, time: float | None = None, view: str | None = None) -> Any:
        del view
        found = self._session.pictures.metadata(self, self._session.frame if time is None else time)
        return found if key is None else found.get(key)

    def firstFrame(self) -> int:
        return self._session.pictures.frame_range(self)[0]

    def lastFrame(self) -> int:
        return self._session.pictures.frame_range(self)[1]

    def frameRange(self) -> FrameRange:
        return self._session.frame_range(self.firstFrame(), self.lastFrame(), 1)

    def width(self) -> int:
        return self._session.pictures.size(self, self._session.frame)[0]

    def height(self) -> int:
        return self._session.pictures.size(self, self._session.frame)[1]

    def format(self) -> Format:
        return self._session.format(self.width(), self.height(), self.pixelAspect())

    def pixelAspect(self) -> float:
        return self._session.pictures.pixel_aspect(self)

    def proxy(self) -> bool:
        return bool(self._session.root["proxy"].value())

    def hasError(self) -> bool:
        return self._session.pictures.error(self, self._session.frame) is not None

    def error(self) -> bool:
        return self.hasError()

    def treeHasError(self) -> bool:
        return any(node.hasError() for node in upstream(self))

    def forceValidate(self) -> None:
        self._session.main_thread.require()

    def __repr__(self) -> str:
        return f"<{self._class} {self.fullName()}>"


class Viewer(Node):
    """A viewer, which shows nothing here."""

    __slots__ = ()


def upstream(node: Node) -> Iterator[Node]:
    """Return the node and all nodes above it in its group."""
    seen, waiting = set(), [node]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        yield at
        waiting += [above for above in at._inputs if above is not None]


def file_of(node: Node, frame: float | None = None) -> str:
    """Return the path of a Read or Write with its Tcl evaluated; with a frame, also frame and view.

    The knob `proxy` is used if proxies are on and it is set (documented for nuke.filename).
    """
    name = "proxy" if node._session.root["proxy"].value() and node._text("proxy") else "file"
    text = variables.expand(node._text(name), node)
    path = tcl.technical(tcl.expand(text, node, node._session.frame if frame is None else frame))
    return path if frame is None else with_view(tcl.with_frame(path, frame), node._session.view)


def opened(node: Node, frame: float) -> Path:
    """Return the file that Nuke opens for a Read or Write at a frame."""
    return Path(node._session.callbacks.filtered(file_of(node, frame)))
