"""What the plug-in costs at Nuke's start: milliseconds that its init.py and menu.py take, in fresh processes.

    python benchmarks/plugin_import.py [--runs 15]

`nuke` is a stand-in that takes any call and does nothing, so that the plug-in's own work alone is measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[1] / "nuke_plugin"
START = """
import sys, time, types

class Anything(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name)
    def __call__(self, *args, **kwargs):
        return Anything("result")

sys.modules["nuke"], sys.modules["nukescripts"] = Anything("nuke"), Anything("nukescripts")
folder = sys.argv[1]
sys.path.insert(0, folder)
texts = {name: open(folder + "/" + name, encoding="utf-8").read() for name in ("init.py", "menu.py")}
before, start = set(sys.modules), time.perf_counter()
for name, text in texts.items():
    exec(compile(text, folder + "/" + name, "exec"), {"__file__": folder + "/" + name, "__name__": name[:-3]})
milliseconds = 1000 * (time.perf_counter() - start)
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps([milliseconds, loaded]))
"""


def start_once() -> tuple[float, list[str]]:
    """Milliseconds, and the modules that were loaded."""
    run = subprocess.run([sys.executable, "-c", START, str(PLUGIN)], stdout=subprocess.PIPE, check=True, text=True)
    milliseconds, modules = json.loads(run.stdout.splitlines()[-1])
    return milliseconds, modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = [start_once() for _ in range(parser.parse_args().runs)]
    times = sorted(milliseconds for milliseconds, _ in runs)
    print(f"median {statistics.median(times):.1f} ms, {times[0]:.1f} to {times[-1]:.1f} ms in {len(times)} processes")
    print(f"loaded: {' '.join(runs[0][1]) or 'nothing'}")


if __name__ == "__main__":
    main()
