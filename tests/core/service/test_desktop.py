from __future__ import annotations

from pathlib import Path

import pytest

from stcolor_core.errors import StcolorError
from stcolor_core.service.desktop import file_manager_command, reveal


def test_the_folder_is_one_argument_and_no_shell_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "a; rm -rf $HOME"
    assert file_manager_command(folder, platform="win32") == ["explorer.exe", str(folder)]
    assert file_manager_command(folder, platform="darwin") == ["open", "-R", str(folder)]
    program = tmp_path / "xdg-open"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    environment = {"DISPLAY": ":0", "PATH": str(tmp_path)}
    assert file_manager_command(folder, platform="linux", environment=environment) == [str(program), str(folder)]
    assert file_manager_command(folder, platform="linux", environment={"PATH": str(tmp_path)}) is None


def test_a_folder_that_cannot_be_shown_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StcolorError, match="not there yet"):
        reveal(tmp_path / "out")
    with pytest.raises(StcolorError, match=r"out is not there any more.*Resume"):
        reveal(tmp_path / "out", written=True)
    monkeypatch.setattr("stcolor_core.service.desktop.file_manager_command", lambda _: None)
    with pytest.raises(StcolorError, match="Copy the path"):
        reveal(tmp_path)
    monkeypatch.setattr("stcolor_core.service.desktop.file_manager_command", lambda _: [str(tmp_path / "none")])
    with pytest.raises(StcolorError, match="Copy the path"):
        reveal(tmp_path)
