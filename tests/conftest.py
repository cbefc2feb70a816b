"""Each test run has its own home, temporary folder and caches, and tests can write nowhere else.

It also runs in Nuke's Python (tests/nuke/in_nuke.py): pytest and the standard library only.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from write_guard import WriteGuard

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # in Nuke's Python
    pass
else:  # no test may depend on how busy the machine is
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")

GUARD = WriteGuard()
ONLY_READ = ("STCOLOR_FOOTAGE", "STCOLOR_GOLDEN")  # tests/core/real_footage.py


def move_environment(folder: Path) -> None:
    """Point every variable that names a writable place into a folder, for this process and its children."""
    home, temporary = folder / "home", folder / "t"  # short: Chromium makes a socket in there
    places = {
        **dict.fromkeys(("HOME", "USERPROFILE"), home),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "APPDATA": home / "AppData" / "Roaming",
        "LOCALAPPDATA": home / "AppData" / "Local",
        "HYPOTHESIS_STORAGE_DIRECTORY": folder / "hypothesis",
    }
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("STCOLOR_") or name == "NUKE_PATH"]:
        if name not in ONLY_READ:
            del os.environ[name]  # the user's own settings, which may name real folders
    os.environ.update({name: str(place) for name, place in places.items()})
    tempfile.tempdir = str(temporary)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Set the guard before collection, since test modules may write when they are imported."""
    factory = session.config._tmp_path_factory  # type: ignore[attr-defined]  # the fixture cannot be asked for yet
    move_environment(factory.mktemp("r", numbered=False))
    GUARD.start(factory.getbasetemp())


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Lift the guard, since pytest now writes reports and removes the folders of older runs."""
    GUARD.stop()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that tried to write elsewhere, even if the code under test continued after that."""
    try:
        return (yield)
    finally:
        caught, GUARD.caught = GUARD.caught, []
        if caught:
            pytest.fail(f"{item.nodeid} may write in its own folder only: {'; '.join(caught)}", pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what colours whole shots: the end-to-end tests, and those of the plug-in that have a real core."""
    here = Path(__file__).parent
    for item in items:
        of_the_plugin = item.path.is_relative_to(here / "nuke")
        has_core = "core" in getattr(item, "fixturenames", ())
        if item.path.is_relative_to(here / "end_to_end") or (of_the_plugin and has_core):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write what no UTF-8 holds as escapes: pytest-xdist hands reports over as UTF-8, and would end with an error."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode("utf-8")) for title, text in report.sections
    ]
    return report


@pytest.fixture
def write_guard() -> WriteGuard:
    """The guard of this run, for its own tests."""
    return GUARD
