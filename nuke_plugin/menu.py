"""Add the node to the menus and register the panel. Nuke's GUI runs this at its start; an error never stops Nuke."""

from __future__ import annotations

import sys
import traceback


def _set_up() -> None:
    import nuke

    if nuke.NUKE_VERSION_MAJOR < 14:  # init.py has reported it
        return
    import nukescripts.panels
    from refcolorize.jobs import freshness
    from refcolorize.node import output_note, scripts, shown_version, viewing_aids
    from refcolorize.node.nodes import knob_changed, node_created

    nuke.menu("Nodes").addCommand(
        "RefColorize",
        "from refcolorize.node import nodes; nodes.create()",
        icon="RefColorize.png",
        tooltip="Colour a shot from a few of its frames that are already in colour.",
    )
    nuke.addKnobChanged(knob_changed, nodeClass="Group")
    nuke.addKnobChanged(output_note.knob_changed, nodeClass="Group")
    nuke.addUpdateUI(shown_version.ui_updated, nodeClass="Group")
    nuke.addUpdateUI(freshness.ui_updated, nodeClass="Group")
    nuke.addBeforeRender(viewing_aids.before_render, nodeClass="Write")
    nuke.addOnCreate(node_created, nodeClass="Group")
    nuke.addOnScriptLoad(scripts.loaded)
    nuke.addOnScriptLoad(_reattach)
    nuke.addOnScriptSave(scripts.saving)
    nuke.addOnScriptClose(_forget)
    # Nuke evaluates this text when the panel is opened, so Qt is loaded only then.
    panel = "__import__('refcolorize.panel.panel', fromlist=['Panel']).Panel"
    nukescripts.panels.registerWidgetAsPanel(panel, "RefColorize", "refcolorize.panel")


def _reattach() -> None:
    from refcolorize.jobs import render

    render.reattach()


def _forget() -> None:
    from refcolorize.host import main_thread
    from refcolorize.jobs import audience, freshness, reference_check

    main_thread.forget_waiting()  # another script may have nodes of the same names
    reference_check.forget_flaws()
    freshness.forget()
    for viewer in tuple(audience.viewers):
        viewer.forget()
    for name in ("farm_dialog", "swatch_dialog"):  # they load Qt, so those that were never opened stay unloaded
        dialogs = sys.modules.get(f"refcolorize.panel.{name}")
        if dialogs is not None:
            dialogs.close_all()


try:
    _set_up()
except Exception:  # noqa: BLE001  (a broken plug-in must not keep Nuke from starting)
    traceback.print_exc(file=sys.stderr)
