"""A stand-in for Nuke's program as a second Nuke, over the strict fake: [--nukex] [-i] -t program.py REQUEST.json

$SECOND_NUKE_GOES: "well"; "no licence", "no interactive licence" (exit status 100); "no start"; "never opens" (it hangs
before the script); "slow" (a second for each frame); "dies" (before the second frame); "hangs" (before the
first frame); "deaf" (the same, and it does not notice the end of the first Nuke).
$SECOND_NUKE_LOG: a file that gets a line with the arguments and the process id for each start.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "core")]
NO_LICENCE = 100


def main(arguments: list[str]) -> None:
    goes = os.environ.get("SECOND_NUKE_GOES", "well")
    with Path(os.environ["SECOND_NUKE_LOG"]).open("a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {' '.join(arguments[:-1])}\n")
    if goes == "no licence" or (goes == "no interactive licence" and "-i" in arguments):
        sys.stderr.write("A licence for Nuke was not found\n")
        sys.exit(NO_LICENCE)
    if goes == "no start":
        sys.stderr.write("libGLU.so.1: cannot open shared object file\n")
        sys.exit(1)
    if goes == "never opens":
        time.sleep(600)
    program = arguments[arguments.index("-t") + 1 :]
    import fakenuke

    fakenuke.install(gui=False)
    import nuke

    nuke.pluginAddPath((HERE.parents[1] / "nuke_plugin").as_posix())
    rendered: list[int] = []

    def before_frame() -> None:
        if goes in ("hangs", "deaf"):
            time.sleep(600)
        if goes == "slow":
            time.sleep(1)
        if goes == "dies" and rendered:
            os._exit(9)
        rendered.append(1)

    nuke.addBeforeFrameRender(before_frame)
    if goes == "deaf":
        threading.Thread.start = lambda _: None  # type: ignore[method-assign]
    sys.argv = program
    runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
