"""What lies at a path that an artist gave is asked without an error, and told in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stcolor_core.files.given_paths import describe_absence, describe_denial, is_file, is_folder

Close = Callable[[Path], None]


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Close:
    """Return a function that takes from this process the right to look into a folder, as no mode does for root."""

    def close_folder(folder: Path) -> None:
        look = os.stat

        def refuse(path: object, **options: object) -> os.stat_result:
            if isinstance(path, (str, Path)) and folder in Path(path).parents:
                raise PermissionError(13, "Permission denied", str(path))
            return look(path, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "stat", refuse)
        if os.name == "nt":  # where these ask the system themselves
            monkeypatch.setattr(
                os.path, "isfile", lambda path: folder not in Path(path).parents and Path(path).is_file()
            )
            monkeypatch.setattr(os.path, "isdir", lambda path: folder not in Path(path).parents and Path(path).is_dir())

    return close_folder


def test_a_path_in_a_closed_folder_is_nothing_and_the_denial_is_told(tmp_path: Path, close: Close) -> None:
    key = tmp_path / "key.png"
    key.touch()
    assert is_file(key) and not is_folder(key) and describe_denial(key) == ""
    close(tmp_path)
    assert not is_file(key) and not is_folder(key)
    told = "cannot be opened (Permission denied). Check its permissions and those of its folder."
    assert describe_denial(key) == describe_absence(key) == told


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key.png"
    key.touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert describe_denial(key).endswith("(Permission denied). Check its permissions and those of its folder.")


def test_a_name_that_is_too_long_is_nothing(tmp_path: Path) -> None:
    key = tmp_path / f"{'a' * 300}.png"
    assert not is_file(key) and not is_folder(key)
    if os.name != "nt":  # where it is a path that is missing
        assert describe_absence(key) == "cannot be opened (File name too long). Shorten its name or its path."


def test_what_is_there_or_missing_is_no_denial(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, told in (("none", "is missing"), ("file/none", "is missing"), ("", "is a folder")):
        assert describe_denial(tmp_path / name) == ""
        assert describe_absence(tmp_path / name, "Render it.") == f"{told}. Render it."
