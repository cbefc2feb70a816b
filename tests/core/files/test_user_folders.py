"""The folders of a user's state, caches and data: the same places as in earlier versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcolor_core.files.user_folders import Kind, user_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and no variable that names another place."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "kind", "expected"),
    [
        ("linux", "state", ".local/state/stcolor"),
        ("linux", "cache", ".cache/stcolor"),
        ("linux", "data", ".local/share/stcolor"),
        ("darwin", "state", "Library/Application Support/stcolor"),
        ("darwin", "cache", "Library/Caches/stcolor"),
        ("darwin", "data", "Library/Application Support/stcolor"),
        ("win32", "state", "AppData/Local/stcolor"),
        ("win32", "cache", "AppData/Local/stcolor/cache"),
        ("win32", "data", "AppData/Local/stcolor"),
    ],
)
def test_each_platform_has_its_own_user_folders(platform: str, kind: Kind, expected: str, home: Path) -> None:
    assert user_folder(kind, platform=platform) == home / expected


def test_xdg_variables_move_the_folders_on_linux_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "x"))
    assert user_folder("state", platform="linux") == home / "x" / "stcolor"
    assert user_folder("cache", platform="linux") == home / ".cache" / "stcolor"
    assert user_folder("state", platform="darwin") == home / "Library" / "Application Support" / "stcolor"


def test_local_app_data_moves_the_folders_on_windows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert user_folder("data", platform="win32") == home / "local" / "stcolor"
