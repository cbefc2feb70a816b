"""One run of Nuke: its parts, and the actions that a test performs from outside."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import rendering
from .callbacks import Callbacks
from .defaults import KnobDefaults
from .disputed import Disputed
from .formats import Format, FrameRange
from .graph import Graph
from .groups import Group, Root
from .interface import Artist
from .layers import Layers
from .main_thread import MainThread
from .menus import main_menus
from .nodes import Node
from .script import Scripts
from .texts import PyScript_Knob
from .undo import History
from .variables import Gsv_Knob

__all__ = ["Session"]


class Session:
    """A run of Nuke.

    gui: whether it has windows. namespace: shared by init.py, menu.py, menus and buttons, as Nuke's __main__.
    disputed: the behaviour of this Nuke if documentation and practice differ.
    panels: registered panels by id. root, graph and the others: the parts.
    """

    version_text = "15.1 v3"

    def __init__(self, *, gui: bool) -> None:
        self.gui = gui
        self.reading = False
        self.view = "main"  # the frame that is shown or rendered
        self.disputed = Disputed()
        self.knob_defaults = KnobDefaults()
        self.executing = 0  # number of renders to refuse, as if another render were running
        self.other_render = 0  # number of times that nuke.executing() returns True; until then no node may be touched
        self.localized = ""  # the folder of local copies of a Read's files, if there are any
        self.passing: list[Group] = []  # VariableGroups whose variables apply to the nodes above them, the last first
        self._preferences: Node | None = None
        self._at: list[float] = []
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.plugin_paths: list[str] = []
        self.clipboard = ""
        self.panels: dict[str, tuple[str, str]] = {}
        self.main_thread = MainThread()
        self.undo = History()
        self.callbacks = Callbacks(self)
        self.layers = Layers()
        self.artist = Artist(gui=lambda: self.gui, freezes=self._freeze)
        self.menus = main_menus(self.run_text)
        self.graph = Graph(self)
        self.scripts = Scripts(self)
        self.pictures = rendering.Pictures(self)
        self.root: Root = Root(self)
        self.main_thread.on_idle = self._update_ui

    # ---- actions that would crash a real Nuke; they fail the test

    def _freeze(self, what: str) -> None:
        if self.main_thread.serving:  # public reports
            self.callbacks.errors.append(f"{what} is modal: in a call by executeInMainThread it freezes Nuke")

    def touch(self, what: str) -> None:
        """Check that a node may be made, changed, reloaded or deleted now."""
        if self.other_render:
            self.callbacks.errors.append(f"{what} is touched while Nuke renders")

    def is_executing(self) -> bool:
        """`nuke.executing`."""
        self.main_thread.require()
        self.other_render, now = max(0, self.other_render - 1), bool(self.other_render)
        return now

    def _update_ui(self) -> None:
        """Call the callbacks of addUpdateUI, as Nuke does during idle. The fake does so after undo and redo only."""
        if self.undo.has_moved:
            self.undo.has_moved = False
            for node in self.graph.all(None, self.root, True):
                self.callbacks.call("UpdateUI", node)

    # ---- time

    @property
    def frame(self) -> float:
        """The current frame, or the one being rendered."""
        return self._at[-1] if self._at else self.root._now

    @contextmanager
    def at_frame(self, frame: float) -> Iterator[None]:
        """Set the frame being rendered for the block."""
        self._at.append(float(frame))
        try:
            yield
        finally:
            self._at.pop()

    @contextmanager
    def in_view(self, view: str) -> Iterator[None]:
        """Set the view being rendered for the block."""
        before, self.view = self.view, view
        try:
            yield
        finally:
            self.view = before

    @contextmanager
    def passing_variables(self, group: Group) -> Iterator[None]:
        """Let a group's variables apply to the nodes that feed its inputs, for the block."""
        self.passing.append(group)
        try:
            yield
        finally:
            self.passing.pop()

    def preferences(self) -> Node:
        """Return the node of Nuke's preferences, which is in no script."""
        if self._preferences is None:
            self._preferences = Node(self, "Preferences", self.root)
        return self._preferences

    def add_variables(self) -> None:
        """Give the script its knob gsv, which Nuke has since version 16."""
        knob = self.root._knobs["gsv"] = Gsv_Knob("gsv")
        knob._node = self.root

    def go_to(self, frame: float) -> None:
        """Move the time line."""
        self.root["frame"].setValue(int(frame))

    # ---- the script

    @contextmanager
    def reading_script(self) -> Iterator[None]:
        """Suppress callbacks and the modified mark while a script is read."""
        before, self.reading = self.reading, True
        try:
            yield
        finally:
            self.reading = before

    def script_name(self) -> str:
        """The script's path, "" if it has none."""
        return self.root._text("name")

    def clear(self) -> None:
        """Start an empty script without a name; layers, menus and callbacks stay."""
        self.callbacks.call("OnScriptClose", self.root)
        self.graph.leave_all()
        self.undo.clear()
        Root(self)

    # ---- Python

    def run_text(self, text: str) -> None:
        """Run the Python text of a menu or a button."""
        exec(compile(text, "<nuke>", "exec"), self.namespace)

    def run_file(self, path: Path) -> None:
        """Run an init.py or menu.py."""
        self.namespace["__file__"] = str(path)
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), self.namespace)

    def run_button(self, knob: PyScript_Knob) -> None:
        """Press a button: thisNode is its node, and a Group's button is inside the group."""
        node = knob.node()
        if knob.name() == "reload":
            self.touch(f"{node.name()}.reload")
        if isinstance(node, Group):
            self.graph.enter(node)
        try:
            with self.callbacks.inside(node, knob, "button"):
                self.run_text(knob.value())
        finally:
            if isinstance(node, Group):
                self.graph.leave()

    def add_plugin_path(self, path: str, *, to_sys_path: bool = True, first: bool = True) -> None:
        """Add a folder of plug-ins; run its init.py, and with a GUI its menu.py."""
        at = 0 if first else len(self.plugin_paths)
        self.plugin_paths.insert(at, path)
        if to_sys_path and path not in sys.path:
            sys.path.append(path)
        for name in ("init.py", "menu.py") if self.gui else ("init.py",):
            if (Path(path) / name).is_file():
                self.run_file(Path(path) / name)

    def open_panel(self, panel_id: str) -> Any:
        """Make the widget of a registered panel as Nuke does: its text is evaluated with Nuke's own names."""
        widget, _ = self.panels[panel_id]
        return eval(widget, self.namespace)()

    # ---- for nodes

    @staticmethod
    def frame_range(first: int, last: int, increment: int) -> FrameRange:
        """`nuke.FrameRange`."""
        return FrameRange(first, last, increment)

    @staticmethod
    def format(width: int, height: int, pixel_aspect: float) -> Format:
        """`nuke.Format`."""
        return Format(width, height, pixel_aspect)
