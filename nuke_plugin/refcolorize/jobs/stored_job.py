"""A job's place in its node and in the saved script, so that it is found again after a crash. Main thread only."""

from __future__ import annotations

from pathlib import Path

import nuke

from ..errors import RefColorizeError
from ..node import nodes, scripts
from ..node.script_nodes import is_in_script

__all__ = ["store_in_script"]


def store_in_script(node: nuke.Node, job: str, path: str) -> list[str]:
    """Store a job in its node and save the script.

    The job runs on if the script cannot be saved. A copy beside the version's frames names the job then.

    Args:
        node: A RefColorize node.
        job: The core's identifier of the job.
        path: Pattern of the frames that the job writes.

    Returns:
        Remarks for the artist; none if the script was saved.
    """
    if not is_in_script(node):  # the open script is another one
        return []
    nodes.store_job(node, job)
    if not nuke.GUI:
        return []
    try:
        scripts.save()
    except RefColorizeError as error:
        return [str(error), _save_copy(Path(path).parent)]
    return []


def _save_copy(folder: Path) -> str:
    try:
        copy = scripts.save_copy(folder)
    except RefColorizeError as error:
        return str(error)
    return f"A copy of the script is {copy.as_posix()}"
