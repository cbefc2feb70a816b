"""Time the stages of a frame: seconds of CPU within functions that are named by their file, each second counted once.

Used by speed.py and timeline.py, and through the first by cores_model.py. A stage may call itself through other
functions, as the L* of a picture calls that of its bands: only the outermost call of a stage on a thread counts.
Functions are named by the end of their path, so that the same names find the code of another commit.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

Places: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""The end of a file's path, with names of functions or methods in it; older commits have other names."""

STAGES: dict[str, Places] = {
    "read": (("/plates.py", ("read_plate",)),),
    "lightness": (("/color_pipe.py", ("lightness",)), ("/color.py", ("lightness",))),
    "features": (("/standard.py", ("both",)), ("/features/exemplar.py", ("_trunk",))),
    "tracking": (("/tracking/walk.py", ("advance", "step")), ("/tracking/flow.py", ("align_back",))),
    "of it flow": (("/tracking/flow.py", ("advance", "step", "align_back")),),
    "of it flow back": (("/tracking/flow.py", ("align_back", "_flow_back", "_align_back")),),
    "matching": (("/matching.py", ("collect_evidence", "evidence", "neighbour_flow")),),
    "of it warp": (("/warping.py", ("warp",)),),
    "refine": (("/learned.py", ("refine",)), ("/refinement/exemplar.py", ("refine",))),
    "fusion": (("/method/fusion.py", ("fuse",)),),
    "upsample": (("/upsampling.py", ("upsample",)),),
    "layers": (("/layers.py", ("make_channels", "channels")),),
    "composite": (("/color_pipe.py", ("composite",)), ("/color.py", ("composite",))),
    "write": (("/frame_files.py", ("write_frame",)), ("/plates.py", ("write_frame",))),
    "of it read back": (("/plates.py", ("is_complete",)),),
}
"""Stage -> its functions. "of it" is a part of the stage before it; the others do not overlap."""


def add_up(stages: Mapping[str, float]) -> float:
    """Return the sum of the stages that do not overlap.

    Args:
        stages: Seconds by stage.
    """
    return sum(seconds for name, seconds in stages.items() if not name.startswith("of it"))


@contextmanager
def stage_times(
    package: str,
    stages: Mapping[str, Places] = STAGES,
    clock: Callable[[], float] = time.thread_time,
    on_call: Callable[[str, float, float], None] = lambda *_: None,
) -> Iterator[dict[str, float]]:
    """Measure the seconds of each stage within the block, in modules of a package that are imported already.

    Args:
        package: Name of the package.
        stages: The functions of each stage.
        clock: Returns seconds; the default is the CPU time of the calling thread.
        on_call: Called after each call, in its thread, with the name of the function, when it began by
            `time.perf_counter`, and the seconds of the clock that it took.

    Yields:
        Seconds by stage, added up while the block runs.
    """
    seconds: dict[str, float] = dict.fromkeys(stages, 0.0)
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == package]
    depth, lock = threading.local(), threading.Lock()

    def timed(function: FunctionType, names: list[str]) -> Callable[..., Any]:
        """Return the function with its time added to each of these stages."""

        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            """Call the function; inside of a stage that is being timed already, its time counts once."""
            depths: dict[str, int] = depth.__dict__.setdefault("depths", defaultdict(int))
            outermost = [name for name in names if depths[name] == 0]
            for name in names:
                depths[name] += 1
            began, start = time.perf_counter(), clock()
            try:
                return function(*arguments, **options)
            finally:
                spent = clock() - start
                for name in names:
                    depths[name] -= 1
                with lock:
                    for name in outermost:
                        seconds[name] += spent
                on_call(function.__name__, began, spent)

        return call

    wrapped: dict[FunctionType, Callable[..., Any]] = {}
    places: list[tuple[Any, str, FunctionType]] = []
    for owner, key, function in _functions(modules):
        file = _file_of(function)
        names = [name for name, named in stages.items() if _matches(file, function.__name__, named)]
        if names:
            wrapped.setdefault(function, timed(function, names))
            places.append((owner, key, function))
    for owner, key, function in places:  # everywhere that a function is known by a name
        setattr(owner, key, wrapped[function])
    try:
        yield seconds
    finally:
        for owner, key, function in places:
            setattr(owner, key, function)


def _file_of(function: FunctionType) -> str:
    """Return the path of the file that a function was written in, whatever decorates it."""
    return Path(inspect.unwrap(function).__code__.co_filename).as_posix()


def _matches(file: str, name: str, places: Places) -> bool:
    return any(file.endswith(end) and name in names for end, names in places)


def _functions(modules: Iterable[ModuleType]) -> Iterator[tuple[Any, str, FunctionType]]:
    """Yield the functions of modules and of their classes: where each is found, under which name, and itself."""
    for module in modules:
        for key, value in list(vars(module).items()):
            if isinstance(value, FunctionType):
                yield module, key, value
            elif isinstance(value, type) and value.__module__ == module.__name__:
                for name, method in list(vars(value).items()):
                    if isinstance(method, FunctionType):
                        yield value, name, method
