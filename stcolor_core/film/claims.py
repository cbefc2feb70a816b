"""The claim on a film's output: a run of another plan would write over the scenes that this one has finished.

A run on one machine holds it over all scenes, and a host of the farm during each task. Within it every scene has a
claim of its own (`pipeline.claims`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from stcolor_core.errors import OutputError, OutputInUse
from stcolor_core.film.plan import SCENE_FIELD, FilmPlan, map_plan_paths
from stcolor_core.film.progress import read_progress
from stcolor_core.film.shots import SceneShot
from stcolor_core.film.troubles import film_folder
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim

__all__ = ["claim_film", "claimed_output", "film_state"]


def claimed_output(plan: FilmPlan) -> str:
    """Return the pattern that stands for the results of all scenes in a claim.

    Args:
        plan: The plan.
    """
    return str(film_folder(plan) / Path(plan.output.replace(SCENE_FIELD, "film")).name)


def film_state(plan: FilmPlan) -> str:
    """Return a digest of a plan: runs of the same one may write at the same time.

    Args:
        plan: The plan.
    """
    plan = map_plan_paths(plan, _absolute)  # of runs that were started in other folders too
    return hashlib.sha256(json.dumps(asdict(plan), sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def claim_film(plan: FilmPlan, scenes: Sequence[SceneShot], dissolves: Sequence[SceneShot]) -> Iterator[None]:
    """Hold the claim on a film's output. A film that is complete needs none: its folder may be read-only.

    Args:
        plan: The plan.
        scenes: The scenes that are to be coloured.
        dissolves: The dissolves that are to be coloured.

    Yields:
        Nothing.

    Raises:
        OutputInUse: If a run of another plan writes there.
        OutputError: If the folder cannot be written although a frame is to be.
    """
    with ExitStack() as held:
        try:
            held.enter_context(Claim(FramePattern.parse(claimed_output(plan)), state=film_state(plan)))
        except OutputInUse:
            raise
        except OutputError:
            if any(each.to_color for each in read_progress(plan, scenes, dissolves)):
                raise
        yield


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100
