"""Ask the core whether the files that a version was made from were only touched, as by a restored backup.

A node compares their sizes and times alone, since plates are big. The core keeps their checksums, and compares a file
of the same size and another time by that. It is asked on a worker thread, and is not started for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import nuke

from ..core import server
from ..errors import Cancelled, RefColorizeError
from ..host.main_thread import in_main_thread
from ..node import node_results
from ..node.frame_names import same_files
from ..node.script_nodes import is_in_script
from ..node.versions import Version

__all__ = ["ask", "forget"]

_ASK_AGAIN_SECONDS = 60.0
_asked: dict[str, tuple[str, float]] = {}  # by a version's path: the stamp of its inputs then, and when


def forget() -> None:
    """Forget what was asked, because the script is closed."""
    _asked.clear()


def ask(node: nuke.Node, *, then: Callable[[nuke.Node], object]) -> None:
    """Ask the core about the files of the shown version, if they are not as they were. Main thread only.

    If they were only touched, the version notes how they are now.

    Args:
        node: A RefColorize node whose version is out of date.
        then: Called with the node in the main thread after the version has noted it.
    """
    version, job = Version(0, node_results.shown_path(node), 0), str(node["job"].value())
    before, now = version.made_from(), version.stamp_now()
    stamp, since = _asked.get(version.path, ("", 0.0))
    if not job or before in ("", now) or (stamp == now and time.monotonic() < since + _ASK_AGAIN_SECONDS):
        return
    _asked[version.path] = now, time.monotonic()

    def look() -> None:
        if _are_only_touched(job, version.path):
            version.store_stamp(now)
            with suppress(Cancelled):  # Nuke is closing
                in_main_thread(lambda: then(node) if is_in_script(node) else None)

    threading.Thread(target=look, name="refcolorize touched inputs", daemon=True).start()


def _are_only_touched(job: str, path: str) -> bool:
    """Return whether the core knows what the frames of a path were made from, and finds all of it unchanged."""
    try:
        client = server.find()
        answer = {} if client is None else client.details(job)
    except RefColorizeError:
        return False
    known = bool(answer.get("inputs_known")) and answer["job"]["state"] == "done"
    return known and same_files(str(answer["job"]["output"]), path) and answer["out_of_date"] is None
