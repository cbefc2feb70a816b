"""One run of Nuke: all that a fresh one has, and what a test may do to it from outside."""

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
from .script import Scripts
from .texts import PyScript_Knob
from .undo import History

__all__ = ["Session"]


class Session:
    """A run of Nuke.

    gui: whether it has windows. namespace: what init.py, menu.py, menus and buttons share, as Nuke's __main__.
    disputed: what this Nuke does where documentation and practice differ.
    panels: what was registered, by id. root, graph and the others: the parts.
    """

    version_text = "15.1 v3"

    def __init__(self, *, gui: bool) -> None:
        self.gui = gui
        self.reading = False
        self.view = "main"  # the one that is shown, or being rendered
        self.disputed = Disputed()
        self.knob_defaults = KnobDefaults()
        self.executing = 0  # so many renders from now on are refused, since Nuke is at another one
        self.other_render = 0  # so often nuke.executing() says that a render goes on; till then no node may be touched
        self.localized = ""  # where local copies of a Read's files lie, if there are any
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

    # ---- what a real Nuke does not survive; it fails the test

    def _freeze(self, what: str) -> None:
        if self.main_thread.serving:  # public reports
            self.callbacks.errors.append(f"{what} is modal: in a call by executeInMainThread it freezes Nuke")

    def touch(self, what: str) -> None:
        """A node is changed, or reads its files again."""
        if self.other_render:
            self.callbacks.errors.append(f"{what} is touched while Nuke renders")

    def is_executing(self) -> bool:
        """`nuke.executing`."""
        self.main_thread.require()
        self.other_render, now = max(0, self.other_render - 1), bool(self.other_render)
        return now

    # ---- time

    @property
    def frame(self) -> float:
        """The present frame, or the one being rendered."""
        return self._at[-1] if self._at else self.root._now

    @contextmanager
    def at_frame(self, frame: float) -> Iterator[None]:
        """While a frame is rendered."""
        self._at.append(float(frame))
        try:
            yield
        finally:
            self._at.pop()

    @contextmanager
    def in_view(self, view: str) -> Iterator[None]:
        """While a view is rendered."""
        before, self.view = self.view, view
        try:
            yield
        finally:
            self.view = before

    def go_to(self, frame: float) -> None:
        """Move the time line."""
        self.root["frame"].setValue(int(frame))

    # ---- the script

    @contextmanager
    def reading_script(self) -> Iterator[None]:
        """While a script is read: no callbacks, no modified mark."""
        before, self.reading = self.reading, True
        try:
            yield
        finally:
            self.reading = before

    def script_name(self) -> str:
        """The script's path, "" where it has none."""
        return self.root._text("name")

    def clear(self) -> None:
        """An empty script without a name; layers, menus and callbacks stay."""
        self.callbacks.call("OnScriptClose", self.root)
        self.graph.leave_all()
        self.undo.clear()
        Root(self)

    # ---- Python

    def run_text(self, text: str) -> None:
        """Run a menu's or button's words."""
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
        """Add a folder of plug-ins and run its init.py, and its menu.py where there are menus."""
        at = 0 if first else len(self.plugin_paths)
        self.plugin_paths.insert(at, path)
        if to_sys_path and path not in sys.path:
            sys.path.append(path)
        for name in ("init.py", "menu.py") if self.gui else ("init.py",):
            if (Path(path) / name).is_file():
                self.run_file(Path(path) / name)

    def open_panel(self, panel_id: str) -> Any:
        """The widget of a registered panel, made as Nuke makes it: its words are evaluated among Nuke's own names."""
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
