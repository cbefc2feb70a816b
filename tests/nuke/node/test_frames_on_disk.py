"""What is on disk is asked without an error, whatever path a knob holds."""

from __future__ import annotations

from pathlib import Path

from refcolorize.node.frames_on_disk import change_time, files_of, is_file, is_folder


def test_a_path_with_a_name_that_is_too_long_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "key.png").touch()
    assert is_folder(tmp_path) and is_file(tmp_path / "key.png")
    folder = tmp_path / ("a" * 300)
    key = folder / "key.png"
    assert not is_folder(folder) and not is_file(key)
    assert list(files_of(str(key))) == [] and change_time(str(key)) == 0
