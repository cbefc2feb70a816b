"""The script .ci/sentinels.py with commands that touch sentinels, and with commands that do not."""

from __future__ import annotations

import fnmatch
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "sentinels.py"


@pytest.fixture
def sentinels() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sentinels", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a coloured shot of the user."""
    (tmp_path / "checkout" / "out").mkdir(parents=True)
    (tmp_path / "checkout" / "out" / "theirs.exr").touch()
    (tmp_path / "checkout" / "module.py").touch()
    return tmp_path / "checkout"


def python(code: str) -> list[str]:
    start = "import os, pathlib, shutil, tempfile; home = pathlib.Path.home(); here = pathlib.Path()"
    return [sys.executable, "-c", f"{start}; temporary = pathlib.Path(tempfile.gettempdir()); {code}"]


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("assert (here / 'demo' / '.refcolorize.json').is_file()", id="reads"),
        pytest.param(
            "(temporary / 'pytest-of-me').mkdir(); (temporary / 'pytest-of-me' / 'a').touch()", id="of pytest"
        ),
        pytest.param("(here / '__pycache__').mkdir(); (here / '.pytest_cache').mkdir()", id="caches"),
    ],
)
def test_a_command_that_touches_nothing_passes_and_the_checkout_is_unchanged(
    sentinels: ModuleType, checkout: Path, code: str
) -> None:
    before = tree(checkout)
    assert sentinels.main(python(code), checkout) == 0
    assert tree(checkout) - before <= {"__pycache__", ".pytest_cache"} and before <= tree(checkout)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        pytest.param("shutil.rmtree('demo')", "removed: *demo/coloured/bunny.1001.exr", id="the demo"),
        pytest.param("(here / 'out' / 'theirs.exr').unlink()", "removed: *out/theirs.exr", id="the user's own"),
        pytest.param("(here / 'refcolorize/RefColorize1/v002').mkdir()", "new: *RefColorize1/v002", id="a version"),
        pytest.param("(here / 'module.py').write_text('1')", "changed: *checkout/module.py", id="a source"),
        pytest.param("(here / 'module.py').touch()", "changed: *checkout/module.py", id="written as it was"),
        pytest.param("(home / '.nuke/init.py').write_text('')", "changed: *.nuke/init.py", id="Nuke"),
        pytest.param("(home / '.nuke/refcolorize').mkdir()", "new: *.nuke/refcolorize", id="beside Nuke's"),
        pytest.param(
            "(pathlib.Path(os.environ['LOCALAPPDATA']) / 'stcolor/jobs.sqlite').unlink()", "removed: *", id="state"
        ),
        pytest.param("(home / '.local/share/stcolor/models/new').touch()", "new: *models/new", id="models"),
        pytest.param("(home / '.cache/fontconfig').mkdir()", "new: *.cache/fontconfig", id="another cache"),
        pytest.param("tempfile.mkdtemp(prefix='stcolor-')", "new: *stcolor-*", id="a temporary folder"),
    ],
)
def test_a_command_that_touches_a_sentinel_fails_with_its_path(
    sentinels: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str], code: str, named: str
) -> None:
    assert sentinels.main(python(code), checkout) == 1
    assert fnmatch.filter(lines := capsys.readouterr().err.splitlines(), f"sentinels: {named}"), lines


def test_the_sentinel_of_a_killed_run_is_removed_by_the_next_run(
    sentinels: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = f"import sys; sys.path.insert(0, {str(SCRIPT.parents[1])!r})"
    sentinels.main(python(f"{package}; from stcolor_core.files.scratch import Scratch; Scratch()"), checkout)
    lines = capsys.readouterr().err.splitlines()
    assert fnmatch.filter(lines, "sentinels: removed: *-sentinel/tracks.1001.pt"), lines


def test_the_commands_own_failure_is_passed_on(sentinels: ModuleType, checkout: Path) -> None:
    assert sentinels.main(python("raise SystemExit(3)"), checkout) == 3


INSTALLER = """
import os, pathlib, sys
with open(os.environ["SEEN"], "a", encoding="utf-8") as file:
    file.write(f"{sys.argv[1:]} {os.environ['HOME']} {pathlib.Path('demo').is_dir()}\\n")
"""


def test_without_a_command_it_runs_the_setup_and_then_the_tests_among_sentinels(
    sentinels: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "install.py").write_text(INSTALLER, encoding="utf-8")
    monkeypatch.setenv("SEEN", str(checkout.parent / "seen"))
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(checkout.parent)
    assert sentinels.main([], checkout) == 0
    set_up, test = (checkout.parent / "seen").read_text(encoding="utf-8").splitlines()
    assert set_up == "['setup', '--dev'] /home/me False"
    assert test.startswith("['test'] ") and "/s-" in test and test.endswith(" True")
