"""A strict fake of Nuke's Python module, for tests of the plug-in without Nuke.

`install` puts fresh modules `nuke` and `nukescripts` into sys.modules and returns the `Session` behind them, by which a
test reads messages, presses buttons, and pumps the main thread. The modules may lack names that Nuke has, but have none
that Nuke lacks: test_fake_surface.py compares them with the types-nuke stubs. An unknown attribute, argument, knob,
node class or value of an enumeration raises an error.
"""

from __future__ import annotations

import sys

from . import module, nukescripts, rendering
from .interface import Artist
from .session import Session

__all__ = ["Artist", "Session", "install", "rendering"]


def install(*, gui: bool) -> Session:
    """Start a new run of Nuke, whose modules replace the earlier ones in sys.modules."""
    session = Session(gui=gui)
    sys.modules["nuke"] = module.build(session)
    sys.modules["nukescripts"] = scripts = nukescripts.build(session)
    sys.modules["nukescripts.panels"] = scripts.panels
    return session
