"""The matte input of the node: whether it is used, and its files. Main thread only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nuke

from ..errors import RefColorizeError
from . import inputs
from .rendered_inputs import InputRender, plan_input

__all__ = ["find_matte", "plan_matte", "require_matte", "tracks_instances"]

_MATTE = 2  # the input's number


def tracks_instances(node: nuke.Node) -> bool:
    """Return whether tracking keeps the objects of a matte apart, and so needs it on all frames.

    Args:
        node: A RefColorize node.
    """
    return str(node["tracking"].value()) in ("auto", "instance", "instance+dense")


def find_matte(node: nuke.Node) -> tuple[nuke.Node | None, str | None]:
    """Return the matte input and the files of its Read, which may hold Cryptomatte; None for each that is not there.

    Args:
        node: A RefColorize node.
    """
    matte = node.input(_MATTE)
    if matte is None or not node["use_matte"].value():
        return None, None
    files = inputs.find_files(matte)
    return matte, files.path if files else None


def require_matte(node: nuke.Node) -> nuke.Node:
    """Return the matte input, which swatches use.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If there is none, or if it is not used.
    """
    matte = node.input(_MATTE)
    if matte is None:
        raise RefColorizeError(
            f"{node.name()} has no matte, and a swatch colours an object of it. Connect a matte or Cryptomatte to its "
            "input matte."
        )
    if not node["use_matte"].value():
        raise RefColorizeError(f"{node.name()}: a swatch colours an object of the matte. Switch use matte on.")
    return matte


def plan_matte(matte: nuke.Node, frames: Sequence[int], folder: Path, *, view: str) -> InputRender:
    """Plan the render of a matte with all its channels and metadata, as Cryptomatte needs.

    Args:
        matte: The matte input.
        frames: In ascending order.
        folder: The folder of the node's rendered inputs.
        view: The view to render.

    Returns:
        The plan.
    """
    return plan_input(matte, frames, folder, name="matte", channels="all", view=view)
