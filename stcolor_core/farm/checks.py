"""What is wrong with a shot that costs hours when a hundred hosts find it out: looked at once, before they start."""

from __future__ import annotations

import tempfile

from stcolor_core.errors import OutputError
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.run import RunPlan
from stcolor_core.shots.shot import Shot

__all__ = ["check_pictures", "check_writable"]


def check_pictures(shot: Shot, plan: RunPlan) -> None:
    """Read every keyframe and still as the colouring will. Raises what that would raise."""
    inputs = ShotInputs(shot, warn=lambda _: None)
    footage = ShotFootage(shot, inputs, use_instances=False, detector=None, warn=lambda _: None)
    for frame in plan.references:
        footage.reference(frame)
    _ = footage.stills


def check_writable(shot: Shot) -> None:
    """Make the folder of the output and a file in it, which is gone again. Raises OutputError where that fails."""
    folder = FramePattern.parse(shot.output.path).folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"The output folder {folder} cannot be written to ({error.strerror}). Check its rights and the disk."
        ) from None
