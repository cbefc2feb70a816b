"""The completion scripts are generated from the parser, and bash completes with them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stcolor_core.cli import main

# On Tab, bash does this: it calls the function with the words of the line, and shows what is in COMPREPLY then.
_TAB = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_stcolor stcolor "${!#}" ""; printf "%s\\n" "${COMPREPLY[@]}"'


def script_for(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", shell])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        pytest.param(["stcolor", "col"], ["colorize"], id="a command"),
        pytest.param(["stcolor", "farm", "open"], ["openjd", "opencue"], id="a command of a command"),
        pytest.param(["stcolor", "colorize", "--track"], ["--tracking"], id="an option"),
        pytest.param(["stcolor", "colorize", "--missing", "s"], ["skip"], id="a choice"),
        pytest.param(["stcolor", "colorize", "--shot", "sho"], ["shot.json"], id="a file"),
        pytest.param(["stcolor", "colorize", "--plate", "pla"], ["plates"], id="the folder of a sequence"),
    ],
)
def test_bash_completes(
    line: list[str], completed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shot.json").touch()
    (tmp_path / "plates").mkdir()
    (tmp_path / "stcolor.bash").write_text(script_for("bash", capsys), encoding="utf-8")
    command = ["bash", "-c", f"source ./stcolor.bash; {_TAB}", "bash", *line]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == completed


def test_the_script_for_zsh_has_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    script = script_for("zsh", capsys)
    assert script.startswith("#compdef stcolor\n")
    for command in ("colorize", "plan", "suggest", "evaluate", "models", "serve", "train", "farm", "doctor"):
        assert f"{command}:" in script


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", "cmd"]) == 2
    assert "bash" in capsys.readouterr().err
