"""The stages of a frame: each second counts once, and the names find the functions of the core."""

from __future__ import annotations

import importlib
import pkgutil
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import stcolor_core

STAGES = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "stages.py"))
stage_times, add_up = STAGES["stage_times"], STAGES["add_up"]
functions, file_of, matches = STAGES["_functions"], STAGES["_file_of"], STAGES["_matches"]
SOURCE = """
class Walk:
    def advance(self, times):
        spend(1)
        return self.pass_on(times)

    def pass_on(self, times):
        return Part().advance(times)

class Part:
    def advance(self, times):
        return [spend(2) for _ in range(times)]

def advance(walk):  # of a file with a longer name
    spend(100)
    return walk.advance(3)

def align_back():
    spend(5)
"""


@pytest.fixture
def toy() -> Iterator[tuple[ModuleType, ModuleType, Callable[[], float]]]:
    """Yield modules at tracking/walk.py and at span_walk.py, and the clock that `spend` moves forward."""
    now = [0.0]

    def spend(seconds: float) -> None:
        now[0] += seconds

    made = []
    for name, path in (("toy.walk", "/toy/tracking/walk.py"), ("toy.span_walk", "/toy/span_walk.py")):
        module = ModuleType(name)
        module.__dict__["spend"] = spend
        exec(compile(SOURCE, path, "exec"), module.__dict__)
        sys.modules[name] = module
        made.append(module)
    yield made[0], made[1], lambda: now[0]
    for module in made:
        del sys.modules[module.__name__]


def test_the_outermost_call_of_a_stage_counts_once(
    toy: tuple[ModuleType, ModuleType, Callable[[], float]],
) -> None:
    walk, span_walk, clock = toy
    places = {"tracking": (("/tracking/walk.py", ("advance",)),), "flow": (("/tracking/walk.py", ("align_back",)),)}
    with stage_times("toy", places, clock) as seconds:
        span_walk.advance(walk.Walk())  # 100 of it belong to no stage
        span_walk.align_back()
        walk.align_back()
    assert seconds == {"tracking": 1 + 3 * 2, "flow": 5}
    walk.Walk().advance(1)
    assert seconds["tracking"] == 7  # the block has ended


def test_a_name_that_another_module_imported_is_timed_too(
    toy: tuple[ModuleType, ModuleType, Callable[[], float]],
) -> None:
    walk, span_walk, clock = toy
    borrowed = span_walk.__dict__["borrowed"] = walk.align_back
    with stage_times("toy", {"flow": (("/tracking/walk.py", ("align_back",)),)}, clock) as seconds:
        span_walk.borrowed()
        thread = threading.Thread(target=span_walk.borrowed)
        thread.start()
        thread.join()
    assert seconds == {"flow": 10}
    assert span_walk.borrowed is borrowed


def test_a_stage_that_raises_counts_what_it_took(toy: tuple[ModuleType, ModuleType, Callable[[], float]]) -> None:
    walk, _, clock = toy
    with stage_times("toy", {"tracking": (("/tracking/walk.py", ("advance",)),)}, clock) as seconds:
        with pytest.raises(TypeError):
            walk.Walk().advance("three")
        walk.Walk().advance(1)
    assert seconds == {"tracking": 1 + 1 + 2}


def test_the_parts_of_a_stage_are_not_added_up_twice() -> None:
    assert add_up({"tracking": 3.0, "of it flow": 2.0, "of it flow back": 1.0, "write": 4.0}) == 7


def test_every_stage_names_functions_of_the_core_and_no_two_share_one() -> None:
    for module in pkgutil.walk_packages(stcolor_core.__path__, "stcolor_core."):
        if "__main__" not in module.name:
            importlib.import_module(module.name)
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "stcolor_core"]
    found: dict[str, set[str]] = {stage: set() for stage in STAGES["STAGES"]}
    for _, _, function in functions(modules):
        file = file_of(function)
        for stage, places in STAGES["STAGES"].items():
            if matches(file, function.__name__, places):
                found[stage].add(f"{file.partition('stcolor_core/')[2]}:{function.__qualname__}")
    assert [stage for stage, names in found.items() if not names] == []
    assert "method/matching.py:Matching.collect_evidence" in found["matching"]  # behind a decorator
    assert found["tracking"] == {
        "method/tracking/flow.py:align_back",
        *(f"method/tracking/walk.py:{owner}.advance" for owner in ("Walk", "_FlowWindows", "_MaskPropagation")),
        "method/tracking/walk.py:_InstanceWalk.advance",
        "method/tracking/walk.py:CellTracker.advance",
    }
    whole = [names for stage, names in found.items() if not stage.startswith("of it")]
    assert len(set().union(*whole)) == sum(map(len, whole))
