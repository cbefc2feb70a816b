"""What an evaluation needs of its clips, said in one line before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.protocol import Protocol
from stcolor_core.images.frame_ranges import name_runs
from stcolor_core.plurals import count_of

__all__ = ["describe_gaps", "require_frames_to_color", "require_memory"]

_BYTES_PER_PIXEL = 24  # float32 of R, G, B, L*, a* and b* in `clip.Clip`
_GIB = 2**30


def describe_gaps(sequence: DatasetSequence, count: int) -> list[str]:
    """Return a warning if the pictures of a clip leave out frames, else nothing.

    Args:
        sequence: The clip.
        count: How many of its frames are used.
    """
    missing = sequence.missing_numbers(count)
    if not missing:
        return []
    return [
        f"The clip {sequence.name} lacks {name_runs(missing)} in {sequence.files[0].parent}: the frames "
        "before and after are measured as if they followed each other. Add what is missing, or leave the clip out."
    ]


def require_frames_to_color(protocol: Protocol, sequences: Sequence[DatasetSequence]) -> None:
    """Refuse a protocol that leaves nothing to colour in a clip.

    Args:
        protocol: The protocol.
        sequences: The clips.

    Raises:
        BadRequest: If it does, or a clip has fewer frames than the protocol needs.
    """
    for sequence in sequences:
        count = protocol.frame_count(len(sequence))
        if len(protocol.reference_indices(count)) == count:
            raise BadRequest(
                f"The clip {sequence.name} has {count_of(count, 'frame')}, which the protocol {protocol.name} "
                "takes as references, so that nothing is left to colour. Add frames to it, or leave it out."
            )
        if count < protocol.least_frames:
            raise BadRequest(
                f"The clip {sequence.name} has {count_of(count, 'frame')}, but the protocol {protocol.name} needs "
                f"{protocol.least_frames} or more. Add frames to it, or leave it out."
            )


def require_memory(protocol: Protocol, sequences: Sequence[DatasetSequence], *, workers: int) -> None:
    """Refuse clips that this computer's memory cannot hold, such as a whole film: a clip is measured in memory.

    Args:
        protocol: The protocol.
        sequences: The clips.
        workers: Number of processes, each with a clip.

    Raises:
        BadRequest: If a clip is too long.
    """
    most = psutil.virtual_memory().total
    for sequence in sequences:
        count = protocol.frame_count(len(sequence))
        needed = count * sequence.size[0] * sequence.size[1] * _BYTES_PER_PIXEL * min(workers, len(sequences))
        if needed > most:
            raise BadRequest(
                f"{count_of(count, 'frame')} of the clip {sequence.name} at {sequence.size[0]} x {sequence.size[1]} "
                f"take {needed / _GIB:.0f} GiB with {count_of(workers, 'worker')}, and this computer has "
                f"{most / _GIB:.0f}. Lower --lines or --workers, give --protocol a file with fewer frames, or cut the "
                "clip."
            )
