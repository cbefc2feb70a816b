"""The keys of a RefColorize node: the frames that the artist colours. Main thread only.

They are the animation of one knob, so they are saved, undone, copied and pasted with it.
"""

from __future__ import annotations

from typing import cast

import nuke

from ..errors import RefColorizeError

__all__ = ["add_key", "add_key_of_plate", "all_keys", "keys", "next_key", "previous_key", "remove_key"]


def keys(node: nuke.Node) -> list[int]:
    """Return the frames of the keys that are switched on, in ascending order.

    Args:
        node: A RefColorize node.
    """
    return [frame for frame, used in all_keys(node).items() if used]


def add_key(node: nuke.Node, frame: int | None = None) -> None:
    """Add a key, or switch on the one that is there.

    Args:
        node: A RefColorize node.
        frame: The frame of the key; None for the current frame.
    """
    knob = _keys_knob(node)
    key = _current_frame() if frame is None else frame
    existing = all_keys(node)
    knob.setAnimated()  # this adds a key at the current frame
    knob.setValueAt(1, key)
    if not existing and key != _current_frame():
        knob.removeKeyAt(_current_frame())
    curve = knob.animation(0)
    curve.changeInterpolation(list(curve.keys()), nuke.CONSTANT)


def add_key_of_plate(node: nuke.Node, frame: int | None = None) -> None:
    """Do the same for a frame that the plate has.

    Args:
        node: A RefColorize node. Without a plate, any frame will do.
        frame: As for `add_key`.

    Raises:
        RefColorizeError: If the frame is outside the plate, so that Colorize would refuse the key.
    """
    plate, key = node.input(0), _current_frame() if frame is None else frame
    if plate is not None and not int(plate.firstFrame()) <= key <= int(plate.lastFrame()):
        first, last = int(plate.firstFrame()), int(plate.lastFrame())
        raise RefColorizeError(f"Frame {key} is outside the plate ({first}-{last}). Go to a frame of the plate.")
    add_key(node, key)


def remove_key(node: nuke.Node, frame: int | None = None) -> None:
    """Remove a key.

    Args:
        node: A RefColorize node.
        frame: The frame of the key; None for the current frame.

    Raises:
        RefColorizeError: If there is no key at this frame.
    """
    key = _current_frame() if frame is None else frame
    if key not in all_keys(node):
        raise RefColorizeError(f"{node.name()} has no key at frame {key}. Go to a frame with a key.")
    knob = _keys_knob(node)
    if len(all_keys(node)) == 1:
        knob.clearAnimated()
    else:
        knob.removeKeyAt(key)


def previous_key(node: nuke.Node) -> int | None:
    """Go to the last key before the current frame.

    Args:
        node: A RefColorize node.

    Returns:
        The key's frame; None if there is no such key.
    """
    return _go_to(max((frame for frame in all_keys(node) if frame < _current_frame()), default=None))


def next_key(node: nuke.Node) -> int | None:
    """Go to the first key after the current frame.

    Args:
        node: A RefColorize node.

    Returns:
        The key's frame; None if there is no such key.
    """
    return _go_to(min((frame for frame in all_keys(node) if frame > _current_frame()), default=None))


def _go_to(frame: int | None) -> int | None:
    if frame is not None:
        nuke.frame(frame)
    return frame


def _current_frame() -> int:
    return int(nuke.frame())


def _keys_knob(node: nuke.Node) -> nuke.Array_Knob:
    return cast("nuke.Array_Knob", node["reference_keys"])


def all_keys(node: nuke.Node) -> dict[int, bool]:
    """Return the frame of each key and whether it is switched on, in ascending order of frames.

    Args:
        node: A RefColorize node.
    """
    knob = _keys_knob(node)
    if not knob.isAnimated():
        return {}
    return {round(key.x): bool(key.y) for key in sorted(knob.animation(0).keys(), key=lambda key: key.x)}
