"""Run the tests among sentinels: files in every place that RefColorize writes to. Fails if one is touched.

    python3 .ci/sentinels.py                   runs `install.py setup --dev`, then `install.py test`
    python3 .ci/sentinels.py COMMAND ...       runs this command in the checkout instead

The home and the temporary folder are new ones. The checkout is the real one: sentinel folders that it lacks are added
for the run, and everything else in it is watched too. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MARKER = '{"made_by": "RefColorize install.py"}'  # install.py removes folders that hold this; no test may trigger it

IN_CHECKOUT = {
    "demo/.refcolorize.json": MARKER,
    "demo/coloured/bunny.1001.exr": "sentinel",
    "out/sh010.1001.exr": "sentinel",
    "refcolorize/RefColorize1/v001/shot.json": "sentinel",
}
_STATE = {"connection.json": "{}", "jobs.sqlite": "sentinel", "core.log": "sentinel", "models/sentinel": "sentinel"}
IN_HOME = {
    ".nuke/init.py": "import nuke  # sentinel\n",
    ".nuke/menu.py": "import nuke  # sentinel\n",
    ".cache/stcolor/sentinel": "sentinel",
    **{
        f"{folder}/stcolor/{name}": text
        for folder in (".local/state", ".local/share", "Library/Application Support", "AppData/Local")
        for name, text in _STATE.items()
    },
}
_SCRATCH = f"stcolor-{re.sub('[^A-Za-z0-9]', '', socket.gethostname())[:32]}-sentinel"  # as Scratch names its folders
IN_TEMPORARY = {
    f"{_SCRATCH}/in-use.lock": "1",  # as a killed run leaves it; the next run removes it
    f"{_SCRATCH}/tracks.1001.pt": "sentinel",
    "refcolorize-sentinel/reference.jpg": "sentinel",
}
# Not watched: files of pytest, Python, the linters and git. Tests may write in pytest-of-*.
NOT_WATCHED = ("__pycache__", ".git", ".venv*", ".*_cache", "*.egg-info", "pytest-of-*")
NAMES_PLACES = ("STCOLOR_", "XDG_", "NUKE_PATH", "HYPOTHESIS_STORAGE_DIRECTORY", "PYTEST_DEBUG_TEMPROOT")
ONLY_READ = ("STCOLOR_FOOTAGE", "STCOLOR_GOLDEN")  # real footage and vectors for the tests


def snapshot(folder: Path) -> dict[str, str]:
    """Return the watched folders and files under a folder, each with its time of change and hash.

    Args:
        folder: The folder to look at.
    """
    states = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not any(Path(name).match(ours) for ours in NOT_WATCHED)]
        for name in folders:
            states[str(Path(parent, name))] = "folder"
        for path in (Path(parent, name) for name in files if not any(Path(name).match(ours) for ours in NOT_WATCHED)):
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
            states[str(path)] = f"{path.lstat().st_mtime_ns} {content}"
    return states


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return one line for each path that was removed, added or changed.

    Args:
        before: A snapshot.
        after: A later one of the same folder.
    """
    return [
        *(f"removed: {path}" for path in sorted(before.keys() - after.keys())),
        *(f"new: {path}" for path in sorted(after.keys() - before.keys())),
        *(f"changed: {path}" for path in sorted(before.keys() & after.keys()) if before[path] != after[path]),
    ]


def plant(folder: Path, sentinels: dict[str, str]) -> list[Path]:
    """Write sentinels, except into top-level folders that already exist.

    Args:
        folder: The folder to write to.
        sentinels: Texts by relative path.

    Returns:
        The paths that were made, parents first.
    """
    made = []
    existing = {path.name for path in folder.iterdir()}
    for name, text in sentinels.items():
        path = folder / name
        if Path(name).parts[0] in existing:
            continue
        for parent in [*reversed(path.relative_to(folder).parents)][1:]:
            if not (folder / parent).exists():
                (folder / parent).mkdir()
                made.append(folder / parent)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return made


@contextmanager
def planted(folder: Path, sentinels: dict[str, str]) -> Iterator[None]:
    """Plant sentinels, and remove them at the end. A folder that has other files by then stays.

    Args:
        folder: The folder to write to.
        sentinels: Texts by relative path.

    Yields:
        Nothing.
    """
    made = plant(folder, sentinels)
    try:
        yield
    finally:
        for path in reversed(made):
            if path.is_file():
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def environment(home: Path, temporary: Path) -> dict[str, str]:
    """Return this process's environment with every writable place in one of two folders.

    Args:
        home: The home folder.
        temporary: The folder for temporary files.
    """
    inherited = {
        name: value for name, value in os.environ.items() if name in ONLY_READ or not name.startswith(NAMES_PLACES)
    }
    return {
        **inherited,
        **dict.fromkeys(("HOME", "USERPROFILE"), str(home)),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
    }


def main(command: list[str], project: Path = PROJECT) -> int:
    """Run a command among sentinels, and print those that it touched.

    Args:
        command: The command and its arguments; empty for setup and the tests.
        project: The checkout.

    Returns:
        The command's exit status, or 1 if it succeeded but touched a sentinel.
    """
    if not command:
        install = [sys.executable, str(project / "install.py")]
        subprocess.run([*install, "setup", "--dev"], check=True)  # with the real home, which may hold pip's settings
        command = [*install, "test"]
    # Chromium makes a socket in there, whose path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="s-", ignore_cleanup_errors=True) as folder:
        home, temporary = Path(folder, "home"), Path(folder, "tmp")
        for place in (home, temporary):
            place.mkdir()
        plant(home, IN_HOME)
        plant(temporary, IN_TEMPORARY)
        with planted(project, IN_CHECKOUT):
            places = (home, temporary, project)
            before = [snapshot(place) for place in places]
            status = subprocess.run(command, cwd=project, env=environment(home, temporary)).returncode
            after = [snapshot(place) for place in places]
    touched = [line for old, new in zip(before, after, strict=True) for line in differences(old, new)]
    for line in touched:
        sys.stderr.write(f"sentinels: {line}\n")
    sys.stderr.write(f"sentinels: {len(touched)} touched\n")
    return status or bool(touched)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
