"""`nuke` for tests of the plug-in, and a core for its requests."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nuke_fixtures import nuke, nuke_session

__all__ = ["core", "nuke", "nuke_session", "state"]

# Nuke's own Python, and .ci/nuke_matrix, lack the core's packages: tests that need them are skipped and reported there.
_CORE = importlib.util.find_spec("stcolor_core") is not None
_OF_THE_CORE = ("stcolor_core", "serving", "scenes", "small_shot", "cv2", "OpenImageIO", "PyOpenColorIO")
_IMPORT = re.compile(rf"^(?:import|from) (?:{'|'.join(_OF_THE_CORE)})\b", re.MULTILINE)
_HERE = Path(__file__).parent
collect_ignore = [
    path.relative_to(_HERE).as_posix()
    for path in sorted(_HERE.rglob("test_*.py"))
    if not _CORE and _IMPORT.search(path.read_text(encoding="utf-8"))
]


def pytest_report_header() -> str:
    """Report the tests that were left out."""
    return f"without stcolor_core: {', '.join(collect_ignore)} are left out" if collect_ignore else ""


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[object]:
    """Skip a test that imports the core while it runs."""
    return (yield from _skipped_without_the_core())


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Iterator[object]:
    """Do the same for fixtures."""
    return (yield from _skipped_without_the_core())


def _skipped_without_the_core() -> Generator[None, object, object]:
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if not _CORE and error.name in _OF_THE_CORE:
            pytest.skip(f"needs {error.name}, which is not inside Nuke")
        raise


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print in CI how many assumptions on Nuke are unproven."""
    if importlib.util.find_spec("yaml") is None:
        return
    from nuke_facts import summary  # needs PyYAML, which is not inside Nuke

    terminalreporter.write_line(summary())


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test's cores; the plug-in cannot start a core by itself."""
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("STCOLOR_PYTHON", "/no/core/can/be/started")
    monkeypatch.setenv("STCOLOR_WARM_UP", "0")
    return tmp_path / "state"


@pytest.fixture
def pump(nuke_session: Any) -> Callable[..., Any]:
    """Return a function that runs Nuke's event loop until a condition holds."""
    pump: Callable[..., Any] = nuke_session.main_thread.pump
    return pump


@pytest.fixture
def core(state: Path) -> Iterator[Any]:
    """A `serving.Client` of a real core on a real socket, in a thread of this process."""
    from serving import running_core  # needs stcolor_core, which is not inside Nuke

    with running_core(state, device="cpu") as client:
        yield client
