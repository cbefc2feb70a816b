"""`nuke` for tests of the plug-in: the strict fake, or the real one if the tests run inside Nuke."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from qt_app import application, close_dialogs

__all__ = ["nuke", "nuke_session", "plugin_is_idle"]

_REAL = importlib.util.find_spec("nuke") is not None  # read before the first fake is installed


def _forget_plugin() -> None:
    for name in [name for name in sys.modules if name == "refcolorize" or name.startswith("refcolorize.")]:
        del sys.modules[name]


def plugin_is_idle() -> bool:
    """Whether no thread of the plug-in is left, which would speak to the core and in the dialogs of the next test."""
    return not any(thread.name.startswith("refcolorize") for thread in threading.enumerate())


@pytest.fixture
def nuke_session(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The `fakenuke.Session` behind `nuke`: messages, answers, main thread, undo. Skipped inside a real Nuke.

    It has a GUI if the test is marked `gui`, and Qt's application if PySide is installed. A callback that raised an
    error fails the test, unless the test takes the error from `callbacks.errors`.
    """
    if _REAL:
        pytest.skip("a test that looks behind the fake")
    import fakenuke

    for name in ("nuke", "nukescripts", "nukescripts.panels"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # restore the earlier modules
    monkeypatch.setattr(sys, "path", list(sys.path))
    _forget_plugin()
    gui = request.node.get_closest_marker("gui") is not None
    session = fakenuke.install(gui=gui)
    if gui:
        with suppress(pytest.skip.Exception):  # no PySide, so nothing of Qt is shown
            application()
        _forget_plugin()
    yield session
    if gui:
        close_dialogs()
    session.artist.cancels = lambda _: True
    session.main_thread.pump(until=plugin_is_idle)
    _forget_plugin()
    for name in ("nuke", "nukescripts", "nukescripts.panels"):
        sys.modules.pop(name, None)
    assert not session.callbacks.errors, session.callbacks.errors[0]


@pytest.fixture
def nuke(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The module `nuke` with an empty script, `refcolorize` not imported yet. Without GUI unless marked `gui`."""
    if _REAL:
        real = importlib.import_module("nuke")
        if request.node.get_closest_marker("gui") is not None and not real.GUI:
            pytest.skip("needs Nuke's GUI")
        real.scriptClear()
        _forget_plugin()
        yield real
    else:
        request.getfixturevalue("nuke_session")
        yield sys.modules["nuke"]
