"""The program that a second Nuke runs to render a node's inputs.

    Nuke -t render_process.py REQUEST.json

It opens a copy of the artist's script, which keeps the name of the original, because paths in a script may depend on
it. Beside the request it writes `begun.json` when the script is open, and at the end `result.json`, whose "error" is a
line for the artist, or "". See second_nuke.py.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import nuke

__all__ = ["main"]


def main(request_file: Path) -> int:
    """Render what a request asks for.

    Args:
        request_file: The file that `second_nuke.SecondNuke` wrote.

    Returns:
        The exit status: 0, or 1 for an error.
    """
    threading.Thread(target=_end_with_parent, name="refcolorize end", daemon=True).start()
    request = json.loads(request_file.read_text(encoding="utf-8"))
    try:
        nuke.scriptOpen(request["script"])
        if request["name"]:
            nuke.root()["name"].setValue(request["name"])
        request_file.with_name("begun.json").write_text("{}", encoding="utf-8")
        for render in request["renders"]:
            _render(render, request["view"])
    except Exception as error:  # noqa: BLE001  (whatever it is, the artist's Nuke must hear of it)
        _write_result(request_file, {"error": str(error) or repr(error)})
        return 1
    _write_result(request_file, {"error": ""})
    return 0


def _render(render: dict[str, Any], view: str) -> None:
    """Render the frames one by one, so that an error names its frame."""
    from refcolorize.errors import RefColorizeError
    from refcolorize.node.helper_nodes import create_exr_write, execute, temporary_nodes

    source = nuke.toNode(render["source"])
    if source is None:
        raise RefColorizeError(f"{render['label']} is not in the copy of the script. Save the script, then try again.")
    path = Path(render["folder"]) / f"{render['name']}.####.exr"
    with temporary_nodes() as created, source.parent():
        created.append(create_exr_write(source, path, channels=render["channels"], view=view))
        for frame in render["frames"]:
            execute(created[0], frame, frame, label=render["label"], view=view)


def _write_result(request_file: Path, result: dict[str, object]) -> None:
    """Write the result under a temporary name, then rename it: the reader never sees a half of it."""
    partial = request_file.with_name("result.partial")
    partial.write_text(json.dumps(result), encoding="utf-8")
    partial.replace(request_file.with_name("result.json"))


def _end_with_parent() -> None:
    """End this process at once when its standard input closes: the artist's Nuke has cancelled it, or is gone."""
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(main(Path(sys.argv[-1])))
