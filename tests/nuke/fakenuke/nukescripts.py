"""The module `nukescripts` of a session. The types-nuke stubs do not have it; its source comes with Nuke."""

from __future__ import annotations

from types import ModuleType

from .session import Session

__all__ = ["build"]


def build(session: Session) -> ModuleType:
    """Return the module `nukescripts`, which has only panels.registerWidgetAsPanel."""

    def registerWidgetAsPanel(widget: str, name: str, id: str, create: bool = False) -> object | None:
        session.artist.require_gui("registerWidgetAsPanel")
        if not isinstance(widget, str):
            raise TypeError("the widget is given as the words that lead to its class")
        session.panels[id] = (widget, name)
        session.menus["Pane"].addCommand(name, lambda: session.open_panel(id))
        return object() if create else None

    nukescripts, panels = ModuleType("nukescripts"), ModuleType("nukescripts.panels")
    panels.registerWidgetAsPanel = registerWidgetAsPanel  # type: ignore[attr-defined]
    nukescripts.panels = panels  # type: ignore[attr-defined]
    session.namespace["nukescripts"] = nukescripts
    return nukescripts
