"""Measure how a movie's frames are read: straight on, backwards and in random order, in CPU time per frame.

    python benchmarks/movies.py --movie reel.mov [--frames 48]

"ffmpeg" decodes the same frames straight on without converting them, as the least that any reading takes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import av
import numpy as np

from stcolor_core.movies.reader import Movie


def decode_only(path: Path, count: int) -> None:
    """Decode the first frames of a movie without converting them to RGB.

    Args:
        path: The movie.
        count: How many frames, 1 or more.
    """
    with av.open(str(path)) as container:
        for number, _ in enumerate(container.decode(video=0), 1):
            if number == count:
                break


def read(path: Path, order: list[int]) -> int:
    """Read frames of a movie as the product does.

    Args:
        path: The movie; it is opened anew, with an empty cache.
        order: Places of the frames in the movie, from 0, in the order to read them.

    Returns:
        How many frames the cache holds afterwards; 1 if it is empty.
    """
    movie = Movie(path)
    for place in order:
        movie.read(place, frame=place)
    return max(len(movie._cache), 1)


def main() -> None:
    """Read a movie in each order, and print the CPU and the wall time a frame."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--movie", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=48)
    options = parser.parse_args()
    info = Movie(options.movie).info
    count = min(options.frames, info.count)
    straight = list(range(count))
    shuffled = [int(place) for place in np.random.default_rng(1).permutation(count)]
    print(f"{options.movie.name}: {info.codec} {info.layout.name}, {info.width} x {info.height}, {count} frames")
    runs = {
        "ffmpeg": lambda: decode_only(options.movie, count),
        "straight": lambda: read(options.movie, straight),
        "backwards": lambda: read(options.movie, straight[::-1]),
        "random": lambda: read(options.movie, shuffled),
    }
    for name, run in runs.items():
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{name:<10} {1000 * cpu / count:7.1f} ms CPU, {1000 * wall / count:7.1f} ms wall a frame")


if __name__ == "__main__":
    main()
