"""Menus and their items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, Union

__all__ = ["Menu", "MenuItem", "main_menus"]

Command = Union[str, Callable[[], object], None]  # noqa: UP007  (for Python 3.9)
Run = Callable[[str], None]
Item = TypeVar("Item", bound="MenuItem")


class MenuItem:
    """A command in a menu."""

    __slots__ = ("_command", "_enabled", "_icon", "_name", "_run", "_shortcut", "_tooltip", "_visible")

    def __init__(self, run: Run, name: str, command: Command, shortcut: str, icon: str, tooltip: str) -> None:
        self._run, self._name, self._command, self._shortcut = run, name, command, shortcut
        self._icon, self._tooltip = icon, tooltip
        self._enabled = self._visible = True

    def name(self) -> str:
        return self._name

    def icon(self) -> str:
        return self._icon

    def setIcon(self, icon: str) -> None:
        self._icon = icon

    def shortcut(self) -> str:
        return self._shortcut

    def setShortcut(self, keySequence: str) -> None:
        self._shortcut = keySequence

    def script(self) -> str:
        return self._command if isinstance(self._command, str) else ""

    def setScript(self, script: str) -> None:
        self._command = script

    def setEnabled(self, enabled: bool, recursive: bool = False) -> None:
        del recursive
        self._enabled = enabled

    def setVisible(self, visible: bool) -> None:
        self._visible = visible

    def invoke(self) -> None:
        if not self._enabled:
            return
        if isinstance(self._command, str):
            self._run(self._command)
        elif self._command is not None:
            self._command()


class Menu(MenuItem):
    """A menu with items and menus in it."""

    __slots__ = ("_items",)

    def __init__(self, run: Run, name: str, icon: str = "", tooltip: str = "") -> None:
        super().__init__(run, name, None, "", icon, tooltip)
        self._items: list[MenuItem | None] = []  # None: a separator

    def items(self) -> list[MenuItem]:
        return [item for item in self._items if item is not None]

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1) -> Menu:
        at, _, last = name.rpartition("/")
        if at:
            return self.addMenu(at).addMenu(last, icon, tooltip, index)
        found = self._find(name)
        if isinstance(found, Menu):
            found._icon = icon or found._icon
            return found
        return self._insert(Menu(self._run, name, icon, tooltip), index)

    def addCommand(
        self,
        name: str,
        command: Command = None,
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        shortcutContext: int = 0,
    ) -> MenuItem:
        del readonly, shortcutContext
        if not (command is None or isinstance(command, str) or callable(command)):
            raise TypeError("a menu's command is text or callable")
        at, _, last = name.rpartition("/")
        if at:
            return self.addMenu(at).addCommand(last, command, shortcut, icon, tooltip, index)
        found = self._find(last)
        if found is not None and not isinstance(found, Menu):
            self._items.remove(found)  # as in Nuke: the new command replaces the old one in the menu
        return self._insert(MenuItem(self._run, last, command, shortcut, icon, tooltip), index)

    def addSeparator(self, index: int = -1) -> None:
        self._items.insert(len(self._items) if index < 0 else index, None)

    def findItem(self, name: str) -> MenuItem | None:
        at, _, rest = name.partition("/")
        found = self._find(at)
        if not rest or found is None:
            return found
        return found.findItem(rest) if isinstance(found, Menu) else None

    def menu(self, name: str) -> Menu | None:
        found = self.findItem(name)
        return found if isinstance(found, Menu) else None

    def removeItem(self, name: str) -> None:
        self._items = [item for item in self._items if item is None or item.name() != name]

    def clearMenu(self) -> None:
        self._items.clear()

    def updateMenuItems(self) -> None:
        """Do nothing, since nothing is drawn."""

    def _find(self, name: str) -> MenuItem | None:
        return next((item for item in self.items() if item.name() == name), None)

    def _insert(self, item: Item, index: int) -> Item:
        self._items.insert(len(self._items) if index < 0 else index, item)
        return item


def main_menus(run: Run) -> dict[str, Menu]:
    """Make the menus that Nuke has from the start, by the names of `nuke.menu`. run: executes a command's text."""
    names = ("Nuke", "Nodes", "Pane", "Properties", "Animation", "Viewer", "Node Graph")
    found = {name: Menu(run, name) for name in names}
    for name in ("File", "Edit", "Workspace", "Viewer", "Render", "Cache", "Help"):
        found["Nuke"].addMenu(name)
    for name in ("Image", "Draw", "Time", "Channel", "Color", "Filter", "Keyer", "Merge", "Transform", "Other"):
        found["Nodes"].addMenu(name)
    return found
