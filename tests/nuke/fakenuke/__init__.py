"""A strict fake of Nuke's Python module, for tests of the plug-in without Nuke.

`install` puts fresh modules `nuke` and `nukescripts` into sys.modules and gives the `Session` behind them, from which a
test looks at messages, presses buttons, and pumps the main thread. What the modules lack, Nuke may have; what they
have, Nuke has: test_fake_surface.py holds them against the types-nuke stubs. An unknown attribute, argument, knob, node
class or value of an enumeration raises.
"""

from __future__ import annotations

import sys

from . import module, nukescripts, rendering
from .interface import Artist
from .session import Session

__all__ = ["Artist", "Session", "install", "rendering"]


def install(*, gui: bool) -> Session:
    """A new run of Nuke, whose modules stand in sys.modules until others do."""
    session = Session(gui=gui)
    sys.modules["nuke"] = module.build(session)
    sys.modules["nukescripts"] = scripts = nukescripts.build(session)
    sys.modules["nukescripts.panels"] = scripts.panels
    return session
