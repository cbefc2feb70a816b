"""Predict seconds a frame on any number of cores from the cost of the stages, and hold it against those at hand.

    python benchmarks/cores_model.py [--size 384x216] [--frames 12] [--cores 1 2 4 8 16 32] [--check 1 2]

A frame takes as long as the busiest resource: all cores together, for all of its work, or the one thread that runs the
chain back to the reference. Stages are CPU seconds of one core (`speed.py`). --check colours the shot on so many of
this machine's cores and prints what it took; it needs a machine with nothing else to do. Not for Windows and macOS,
which cannot bind a process to cores.
"""

from __future__ import annotations

import argparse
import os

import speed
from stages import add_up


def predict(stages: dict[str, float], cores: int) -> float:
    """Return the seconds a frame takes on so many cores.

    Args:
        stages: CPU seconds of one core per frame, by stage, as `speed.measure` returns them with `profile`.
        cores: Number of cores, at least 1.
    """
    total = add_up(stages)
    # the flow back to the frame before is computed ahead; what else tracking does is the chain
    chain = stages["tracking"] - stages["of it flow back"]
    if cores <= 2:  # one frame at a time in each of three threads, and two writers
        tracked = stages["read"] + stages["lightness"] + stages["features"] + stages["tracking"]
        return max(total / cores, tracked, stages["matching"], stages["refine"] + stages["fusion"])
    return max(total / cores, chain)


def main() -> None:
    """Print the prediction, and what the cores of this machine took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", default=["384x216"])
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--check", nargs="*", type=int, default=[])
    options = parser.parse_args()
    for size in options.size:
        stages = speed.measure(size, options.frames, "standard", 1, profile=True)["stages"]
        assert isinstance(stages, dict)
        total, chain = add_up(stages), stages["tracking"] - stages["of it flow back"]
        print(f"{size}: {total:.3f} s of CPU a frame, {chain:.3f} of it in the chain")
        for cores in options.cores:
            seconds = predict(stages, cores)
            print(f"    {cores:3} cores: {seconds:.3f} s a frame, {1 / seconds:.1f} frames a second")
        everything = os.sched_getaffinity(0)
        for cores in options.check:
            os.sched_setaffinity(0, set(sorted(everything)[:cores]))
            row = speed.measure(size, options.frames, "standard", 1, profile=False)
            os.sched_setaffinity(0, everything)
            print(f"    {cores:3} cores took {row['seconds']:.3f} s a frame ({row['busy']:.3f} s of CPU)")


if __name__ == "__main__":
    main()
