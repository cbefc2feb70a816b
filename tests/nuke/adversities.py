"""Adverse behaviours of real Nukes that the fake can imitate: each function takes a session and a script."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

from comp import Comp

__all__ = ["ADVERSITIES", "STUDIO", "two_views"]

# As in public init.py files, and worse.
STUDIO = {
    "Write.channels": "rgba",
    "Write.disable": "true",
    "Write.use_limit": "true",
    "Write.premultiplied": "true",
    "Write.colorspace": "sRGB",
    "Write.proxy": "/no/such/folder/proxy.%04d.exr",
    "Write.beforeRender": "raise RuntimeError('of the studio')",
    "Write.beforeFrameRender": "raise RuntimeError('of the studio')",
    "Write.afterFrameRender": "raise RuntimeError('of the studio')",
    "Write.afterRender": "raise RuntimeError('of the studio')",
    "Write.exr.compression": "DWAA",
    "Write.exr.datatype": "32 bit float",
    "Write.exr.metadata": "all metadata",
    "Write.exr.autocrop": "true",
    "Write.png.datatype": "16 bit",
    "Reformat.type": "scale",
    "Reformat.scale": "0.25",
    "Reformat.box_fixed": "true",
    "Reformat.disable": "true",
}


def two_views(nuke: Any, comp: Comp) -> None:
    """Make two views: left shows the shot's own reference, right a different picture."""
    nuke.addView("left")
    nuke.addView("right")
    nuke.deleteView("main")
    for view, frame in (("left", 1001), ("right", 1004)):
        (comp.folder / view).mkdir()
        for at in (1001, 1004):
            data = (comp.folder / f"ref.{frame}.exr").read_bytes()
            (comp.folder / view / f"ref.{at}.exr").write_bytes(data)
    comp.ref["file"].setValue((comp.folder / "%V" / "ref.####.exr").as_posix())


def _studio_defaults(session: Any, comp: Comp) -> None:
    del session
    for name, value in STUDIO.items():
        comp.nuke.knobDefault(name, value)


def _two_views(session: Any, comp: Comp) -> None:
    two_views(comp.nuke, comp)
    session.view = "left"


def _localized(session: Any, comp: Comp) -> None:
    del comp
    session.localized = "/no/such/cache"


def _answer(name: str, value: bool) -> Callable[[Any, Comp], None]:
    return lambda session, _comp: setattr(session.disputed, name, value)


def _second_nuke(session: Any, comp: Comp) -> None:
    """Let a second Nuke render the inputs, which are no plain Reads."""
    del session
    from second_program import make_second_nuke

    folder = comp.folder.parent / "program"
    comp.nuke.EXE_PATH = make_second_nuke(folder).as_posix()
    os.environ["SECOND_NUKE_LOG"] = str(folder / "log")
    unchanged = comp.nuke.nodes.Multiply(inputs=[comp.ref], value=1.0, name="Unchanged")
    comp.node.setInput(1, unchanged)


ADVERSITIES: dict[str, Callable[[Any, Comp], object]] = {
    "none": lambda _session, _comp: None,
    "getEvaluatedValue keeps %04d": _answer("evaluated_has_frame", False),
    "value keeps ####": _answer("value_is_technical", False),
    "a status is saved": _answer("saves_text_of_do_not_write", True),
    "a terminal runs no knobChanged": _answer("knob_changed_in_terminal", False),
    "the search enters LiveGroups": _answer("recursion_enters_live_groups", True),
    "evaluate keeps variables": _answer("evaluate_has_variables", False),
    "studio defaults": _studio_defaults,
    "two views": _two_views,
    "local copies": _localized,
    "nothing is collected": lambda _session, _comp: gc.disable(),
    "Nuke renders something else": lambda session, _comp: setattr(session, "other_render", 7),
    "Nuke refuses to render": lambda session, _comp: setattr(session, "executing", 3),
    "a modal dialog is open": lambda session, _comp: setattr(session.main_thread, "modal_turns", 40),
    "a second Nuke renders the inputs": _second_nuke,
    "proxies are on": lambda _session, comp: comp.nuke.root()["proxy"].setValue(True),
    "the play head is elsewhere": lambda _session, comp: comp.nuke.frame(1004),
}
