"""Check a shot once before its tasks start, so that not every host of the farm fails on the same mistake."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stcolor_core.errors import OutputError
from stcolor_core.farm.film_job import FilmFile
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.run import plan_run
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

__all__ = ["check_film", "check_pictures", "check_writable"]


def check_pictures(shot: Shot) -> None:
    """Read every keyframe and still as a run will read it.

    Args:
        shot: The shot.

    Raises:
        StcolorError: If a picture is missing, damaged or unusable.
    """
    cache = StatCache()
    inputs = ShotInputs(shot, warn=lambda _: None, cache=cache)
    flaws = ReferenceFlaws(shot, inputs, cache)
    footage = ShotFootage(shot, inputs, use_instances=False, detector=None, flaws=flaws, warn=lambda _: None)
    for frame in inputs.references:
        footage.reference(frame)
    for frame in inputs.patches:
        footage.patch(frame)
    _ = footage.stills


def check_film(film: FilmFile) -> None:
    """Check the scenes and dissolves of a film's job. What a dissolve takes from its scenes is not there yet.

    Args:
        film: The job's file.

    Raises:
        StcolorError: If a picture is missing, damaged or unusable, or if an output folder cannot be written.
    """
    made_here = {Path(shot.output.path).parent for shot in map(film.shot, film.names)}
    for name in film.names:
        shot = film.shot(name)
        waits = any(Path(reference.path).parent in made_here for reference in shot.references)
        if waits:
            find_frames(shot.plate)
        else:
            plan_run(shot)
            check_pictures(shot)
        check_writable(shot)


def check_writable(shot: Shot) -> None:
    """Check that the output folder can be written: create it, and a temporary file in it.

    Args:
        shot: The shot.

    Raises:
        OutputError: If the folder cannot be created or written to.
    """
    folder = FramePattern.parse(shot.output.path).folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"The output folder {folder} cannot be written to ({error.strerror}). Check its rights and the disk."
        ) from None
