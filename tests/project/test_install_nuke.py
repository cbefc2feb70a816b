"""install.py nuke: the block that it puts into an init.py, and takes out again."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType
from typing import Any

import pytest

# Nuke

THEIRS = [
    pytest.param(b"import nuke\nnuke.pluginAddPath('./gizmos')\n", id="plain"),
    pytest.param(b"import nuke\r\nx = 1\r\n", id="line ends of Windows"),
    pytest.param(b"import nuke", id="no line end at the end"),
    pytest.param(b"import nuke\r\nx = 1", id="no line end at the end, of Windows"),
    pytest.param(b"\xef\xbb\xbfx = '\xc3\xbc'\n", id="byte order mark"),
    pytest.param(b"# -*- coding: latin-1 -*-\nx = '\xfc'\n", id="latin-1"),
    pytest.param(b"\n\n\n", id="empty lines"),
    pytest.param(b"", id="empty"),
    pytest.param(b"print 'of Python 2'\n", id="what this Python does not parse"),
]


PLUGINS = [
    pytest.param("/opt/refcolorize/nuke_plugin", id="plain"),
    pytest.param('/a b/it\'s "here"/nuke_plugin', id="quotes and spaces"),
    pytest.param("/back\\slash\\new\\nuke_plugin", id="backslashes"),
    pytest.param("/für/映画/\U0001f3ac/{0}%s/nuke_plugin", id="letters of everywhere"),
    pytest.param("/new\nline\nraise SystemExit\n", id="line ends"),
]


class StandIn(ModuleType):
    """The part of `nuke` that a block may use."""

    def __init__(self) -> None:
        super().__init__("nuke")
        self.paths: list[str] = []

    def pluginAddPath(self, path: str) -> None:  # noqa: N802  (Nuke's name)
        self.paths.append(path)


@pytest.fixture
def init(tmp_path: Path) -> Path:
    return tmp_path / "facility" / "init.py"


def put(install: ModuleType, init: Path, plugin: str = "/opt/nuke_plugin") -> bool:
    return bool(install.install_block(init, plugin=PurePosixPath(plugin), python=PurePosixPath("/opt/python")))


def start_nuke(init: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run an init.py as Nuke does; return the plug-in paths that it adds."""
    nuke = StandIn()
    monkeypatch.setitem(sys.modules, "nuke", nuke)
    exec(compile(init.read_bytes(), str(init), "exec"), {})
    return nuke.paths


@pytest.mark.parametrize("theirs", THEIRS)
def test_a_block_is_added_once_and_removed_without_changing_another_byte(
    install: ModuleType, init: Path, theirs: bytes
) -> None:
    init.parent.mkdir()
    init.write_bytes(theirs)
    assert put(install, init)
    assert init.read_bytes().startswith(theirs)
    written = init.read_bytes()
    assert not put(install, init)
    assert put(install, init, "/moved/nuke_plugin")
    assert put(install, init)
    assert init.read_bytes() == written
    assert written.count(b"\r\n") == (written.count(b"\n") if b"\r\n" in theirs else 0)

    assert install.remove_block(init)
    assert init.read_bytes() == theirs
    assert not install.remove_block(init)
    assert [path.name for path in init.parent.iterdir()] == ["init.py"]


def test_text_below_the_block_is_kept(install: ModuleType, init: Path) -> None:
    init.parent.mkdir()
    init.write_bytes(b"above = 1")
    put(install, init)
    init.write_bytes(init.read_bytes() + b"below = 2\n")
    assert put(install, init, "/moved/nuke_plugin")
    assert init.read_bytes().startswith(b"above = 1\n# >>> ") and init.read_bytes().endswith(b"<<<\nbelow = 2\n")
    assert install.remove_block(init)
    assert init.read_bytes() == b"above = 1\nbelow = 2\n"


def test_an_init_that_we_made_is_removed_with_the_block_unless_others_wrote_into_it(
    install: ModuleType, init: Path
) -> None:
    assert put(install, init) and put(install, init, "/moved/nuke_plugin")
    assert install.remove_block(init)
    assert not init.exists()

    put(install, init)
    init.write_bytes(init.read_bytes() + b"theirs = 1\n")
    assert install.remove_block(init)
    assert init.read_bytes() == b"theirs = 1\n"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_nuke_gets_the_exact_path_and_python(
    install: ModuleType, init: Path, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STCOLOR_PYTHON", raising=False)
    put(install, init, plugin)
    assert start_nuke(init, monkeypatch) == [plugin.rstrip("/")]
    assert os.environ["STCOLOR_PYTHON"] == "/opt/python"

    monkeypatch.setenv("STCOLOR_PYTHON", "/chosen")
    start_nuke(init, monkeypatch)
    assert os.environ["STCOLOR_PYTHON"] == "/chosen"


def test_paths_of_windows_get_forward_slashes(install: ModuleType, init: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install.install_block(
        init, plugin=PureWindowsPath(r"C:\tools\new\nuke_plugin"), python=PureWindowsPath(r"C:\x\python.exe")
    )
    assert start_nuke(init, monkeypatch) == ["C:/tools/new/nuke_plugin"]


def test_a_block_that_fails_does_not_stop_nuke(
    install: ModuleType, init: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of Nuke")

    monkeypatch.setattr(StandIn, "pluginAddPath", broken)
    put(install, init)
    start_nuke(init, monkeypatch)
    assert "RuntimeError: of Nuke" in capsys.readouterr().err


def test_the_block_parses_in_the_oldest_python_and_after_a_future_import(install: ModuleType, init: Path) -> None:
    init.parent.mkdir()
    init.write_bytes(b"from __future__ import annotations\n")
    put(install, init)
    ast.parse(init.read_bytes(), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("theirs", "expected_text"),
    [
        pytest.param("import nuke".encode("utf-16"), "not text in UTF-8", id="UTF-16"),
        pytest.param(b"# >>> RefColorize >>>\nimport nuke\n", "broken RefColorize block", id="no end"),
        pytest.param(b"import nuke\n# <<< RefColorize <<<\n", "broken RefColorize block", id="no start"),
        pytest.param(
            b"# >>> RefColorize >>>\ntheirs\n# >>> RefColorize >>>\nours\n# <<< RefColorize <<<\n",
            "broken RefColorize block",
            id="two starts",
        ),
        pytest.param(b"# >>> RefColorize >>>\n# <<< RefColorize <<<\n" * 2, "or two", id="twice"),
    ],
)
def test_an_init_with_a_damaged_block_is_left_alone(
    install: ModuleType, places: Any, init: Path, capsys: pytest.CaptureFixture[str], theirs: bytes, expected_text: str
) -> None:
    init.parent.mkdir()
    init.write_bytes(theirs)
    for command in ("nuke", "uninstall"):
        assert install.main([command, "--nuke-dir", str(init.parent), "--venv", str(init.parent / "venv")], places) == 1
        message = capsys.readouterr().err
        assert expected_text in message and str(init) in message and message.count("\n") == 1
    assert init.read_bytes() == theirs
    assert [path.name for path in init.parent.iterdir()] == ["init.py"]


def test_a_folder_named_like_the_init_is_reported(install: ModuleType, init: Path) -> None:
    init.mkdir(parents=True)
    with pytest.raises(install.SetupError, match="cannot be read"):
        put(install, init)


def test_a_folder_that_cannot_be_made_names_the_option(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(install.SetupError, match=r"cannot be (read|written)"):
        put(install, tmp_path / "file" / "init.py")


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_the_mode_and_the_link_of_an_init_are_kept(install: ModuleType, init: Path, tmp_path: Path) -> None:
    init.parent.mkdir()
    (tmp_path / "dotfiles.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "dotfiles.py").chmod(0o640)
    init.symlink_to(tmp_path / "dotfiles.py")
    put(install, init)
    assert init.is_symlink() and "RefColorize" in (tmp_path / "dotfiles.py").read_text(encoding="utf-8")
    assert (tmp_path / "dotfiles.py").stat().st_mode & 0o777 == 0o640


def test_nuke_is_set_up_in_the_home_folder_and_removed_again(
    install: ModuleType,
    places: Any,
    project: Path,
    setup: Any,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    installed_word: Callable[[], str],
) -> None:
    arguments = ["--venv", str(setup.venv)]
    assert install.main(["nuke", *arguments], places) == 0
    block = (home / ".nuke" / "init.py").read_text(encoding="utf-8")
    assert (project / "nuke_plugin").as_posix() in block and setup.python.as_posix() in block
    assert installed_word() == "first"
    assert install.main(["nuke", *arguments], places) == 0
    assert "already makes Nuke load" in capsys.readouterr().out
    assert (home / ".nuke" / "init.py").read_text(encoding="utf-8") == block

    assert install.main(["uninstall", *arguments, "--output", str(project / "none")], places) == 0
    assert list((home / ".nuke").iterdir()) == [] and not setup.venv.exists()


def test_a_facilitys_folder_is_used_instead_of_the_home_folder(
    install: ModuleType, places: Any, setup: Any, init: Path, home: Path
) -> None:
    arguments = ["--venv", str(setup.venv), "--nuke-dir", str(init.parent)]
    assert install.main(["nuke", *arguments], places) == 0
    assert init.is_file() and not (home / ".nuke").exists()
    assert install.main(["uninstall", *arguments], places) == 0
    assert not init.exists()
