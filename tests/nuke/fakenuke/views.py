"""The views of a script, and the knob that selects some of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .knobs import Knob, text

if TYPE_CHECKING:
    from .session import Session

__all__ = ["MultiView_Knob", "ViewerWindow", "names", "with_view"]

_VIEW = re.compile(r"%[vV]")


def names(session: Session) -> list[str]:
    """Return the script's views. Root's knob has one a line, the name before the colour: "left #ff0000"."""
    return [line.split()[0] for line in session.root._text("views").splitlines() if line.strip()]


def with_view(path: str, view: str) -> str:
    """Replace %V by a view's name and %v by its first letter (Nuke's manual, "Multi-View Projects")."""
    return _VIEW.sub(lambda found: view if found[0] == "%V" else view[:1], path)


class MultiView_Knob(Knob):
    """`views` of a Write: names with blanks between them; all of the script's if nothing is set.

    Public tools set it by setValue("left") and setValue("main"); scripts have `views {main}`.
    """

    __slots__ = ("_string",)

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._string = ""

    def _memory(self) -> Any:
        return self._string

    def _recall(self, memory: Any) -> None:
        self._string = memory

    def _is_default(self) -> bool:
        return not self._string

    def _write(self) -> str:
        return self._string

    def _read(self, text: str) -> None:
        self._string = text.strip("{}")

    def value(self) -> str:
        return self._string or " ".join(names(self._session))

    def setValue(self, val: str) -> None:
        unknown = set(text(val).split()) - set(names(self._session))
        if unknown:
            raise ValueError(f"{self._name}: there is no view {', '.join(sorted(unknown))}")
        with self._changing():
            self._string = val


class ViewerWindow:
    """The result of `nuke.activeViewer()` (Foundry's renderdialog.py gets the view from it)."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def view(self) -> str:
        return self._session.view

    def setView(self, s: str) -> None:
        self._session.view = s
