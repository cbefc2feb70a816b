"""A stand-in for Nuke's program on a farm host, over the strict fake: nuke -F 1001-1010 -X Write1 -x script.nk

It runs the init.py of each folder in $NUKE_PATH first, as Nuke does.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "core")]

import fakenuke  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-F", dest="frames", required=True)
    parser.add_argument("-X", dest="write", required=True)
    parser.add_argument("-x", dest="script", required=True)
    options = parser.parse_args()
    fakenuke.install(gui=False)
    import nuke

    for folder in filter(None, os.environ.get("NUKE_PATH", "").split(os.pathsep)):
        nuke.pluginAddPath(folder)
    nuke.scriptOpen(options.script)
    nuke.execute(options.write, frameRangeSet=nuke.FrameRanges(options.frames))


if __name__ == "__main__":
    main()
