"""Run the tests amid sentinels: files in every place that RefColorize writes to. Fails if one of them is touched.

    python3 .ci/sentinels.py                   sets up, then runs the tests as `install.py test` does
    python3 .ci/sentinels.py COMMAND ...       runs this in the checkout instead

Home and temporary folder are made for the occasion. The checkout is the real one: folders that it lacks are lent to it,
and whatever else is there is watched as well. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MARKER = (
    '{"made_by": "RefColorize install.py"}'  # install.py removes what carries it, so here it must stay away by itself
)

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
IN_TEMPORARY = {
    "stcolor-sentinel/in-use.lock": "1",  # as a killed run leaves it, for the next one to remove
    "stcolor-sentinel/tracks.1001.pt": "sentinel",
    "refcolorize-sentinel/reference.jpg": "sentinel",
}
# Not watched: what pytest, Python, the linters and git keep for themselves. Tests may write in pytest-of-*.
NOT_WATCHED = ("__pycache__", ".git", ".venv*", ".*_cache", "*.egg-info", "pytest-of-*")
NAMES_PLACES = ("STCOLOR_", "XDG_", "NUKE_PATH", "HYPOTHESIS_STORAGE_DIRECTORY", "PYTEST_DEBUG_TEMPROOT")
ONLY_READ = ("STCOLOR_FOOTAGE", "STCOLOR_GOLDEN")  # real footage and vectors for the tests


def snapshot(folder: Path) -> dict[str, str]:
    """Every watched folder and file under a folder, and what tells whether it was written."""
    found = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not any(Path(name).match(ours) for ours in NOT_WATCHED)]
        for name in folders:
            found[str(Path(parent, name))] = "folder"
        for path in (Path(parent, name) for name in files if not any(Path(name).match(ours) for ours in NOT_WATCHED)):
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
            found[str(path)] = f"{path.lstat().st_mtime_ns} {content}"
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """One line for each path that is gone, new or written."""
    return [
        *(f"removed: {path}" for path in sorted(before.keys() - after.keys())),
        *(f"new: {path}" for path in sorted(after.keys() - before.keys())),
        *(f"changed: {path}" for path in sorted(before.keys() & after.keys()) if before[path] != after[path]),
    ]


def plant(folder: Path, sentinels: dict[str, str]) -> list[Path]:
    """Write sentinels, except into top folders that are there already; the paths that were made, parents first."""
    made = []
    there = {path.name for path in folder.iterdir()}
    for name, text in sentinels.items():
        path = folder / name
        if Path(name).parts[0] in there:
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
    """`plant` for a while. A folder into which something else was put stays."""
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
    """This process's, with every place to write to in one of these folders."""
    kept = {name: value for name, value in os.environ.items() if name in ONLY_READ or not name.startswith(NAMES_PLACES)}
    return {
        **kept,
        **dict.fromkeys(("HOME", "USERPROFILE"), str(home)),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
    }


def main(command: list[str], project: Path = PROJECT) -> int:
    """Run a command amid sentinels; its exit status, or 1 if it ended well but touched one."""
    if not command:
        install = [sys.executable, str(project / "install.py")]
        subprocess.run([*install, "setup", "--dev"], check=True)  # with the real home, which may say how pip connects
        command = [*install, "test"]
    with tempfile.TemporaryDirectory(prefix="sentinels-", ignore_cleanup_errors=True) as folder:
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
    touched = [line for was, now in zip(before, after, strict=True) for line in differences(was, now)]
    for line in touched:
        sys.stderr.write(f"sentinels: {line}\n")
    sys.stderr.write(f"sentinels: {len(touched)} touched\n")
    return status or bool(touched)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
