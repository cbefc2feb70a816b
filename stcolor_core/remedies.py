"""What an artist does about a problem, in the terms of the program in front of them.

A message says what happened once, for all front ends. What to do differs: the command line has an option, the node has
a knob or an input, and the page shows a shot that was made elsewhere. So a message carries the remedy by its name,
`advise("missing")`, and each front end words it: the command line when it prints, the service when it answers.
"""

from __future__ import annotations

import os
import re
from typing import Literal, NamedTuple

__all__ = ["FRONT_END", "REMEDIES", "FrontEnd", "Wording", "advise", "word"]

FrontEnd = Literal["command_line", "node", "page"]
FRONT_END = "STCOLOR_FRONT_END"  # set to "node" for a program that the plug-in runs and whose errors it shows
_MARK = re.compile(r"⟦(\w+)(?: ([^⟦⟧]*))?⟧")


class Wording(NamedTuple):
    """A remedy in the words of each front end, to follow "Render it, or". {} is the value that it was given.

    Attributes:
        command_line: Names options.
        node: Names knobs in quotes by their labels, and inputs.
        page: Names settings of the shot in quotes, as the shot file has them.
    """

    command_line: str
    node: str
    page: str


REMEDIES = {
    "plate_path": Wording(
        "give --plate 'plates/sh010.####.exr'",
        "connect the grey shot to the input plate",
        'give the path of the "plate"',
    ),
    "plate_layer_or_none": Wording(
        "give --plate-layer NAME, or leave it out",
        "choose a layer with colour in the plate's Read",
        'name one as "layer" of the plate, or leave it out',
    ),
    "plate_layer": Wording(
        "name the one to take with --plate-layer",
        "render the plate with the same layer on all frames",
        'name the one to take as "layer" of the plate',
    ),
    "reference_path": Wording(
        "give --reference 1010=refs/sh010.1010.exr",
        "connect the coloured picture to the input ref",
        'give the path of each of the "references"',
    ),
    "still_path": Wording(
        "give --still look.png",
        'choose a picture as "still 1"',
        'give the path of each of the "stills"',
    ),
    "matte_path": Wording(
        "give --matte 1010=roto.1010.exr",
        "connect the matte to the input matte",
        'give the path of each of the "mattes"',
    ),
    "frame_matte": Wording(
        "give --matte {}=PATH",
        "connect a matte that has frame {} to the input matte",
        "give a matte of frame {}",
    ),
    "missing": Wording(
        "pass --missing skip or --missing hold",
        "set what its Read does on missing frames to black or nearest frame",
        'set "missing" of the plate to skip or hold',
    ),
    "frames": Wording("check --frames", 'check "frame range"', 'check "frames"'),
    "own_frames": Wording(
        "name the shot's frames with --frames",
        "set the range of the plate's Read",
        'name the shot\'s frames as "frames" of the plate',
    ),
    "only": Wording("correct --only", 'correct "frame range"', 'correct "frames"'),
    "as_still": Wording("give it as --still", 'choose it as "still 1"', 'give it as one of the "stills"'),
    "frame_path": Wording(
        "give FRAME=PATH",
        "number the files of ref like those of the plate",
        'give the "frame" of each reference',
    ),
    "ocio": Wording(
        "correct --ocio or $OCIO",
        "correct the OCIO config in Nuke's project settings, or $OCIO",
        'correct "ocio" of the shot, or $OCIO',
    ),
    "colorspace": Wording(
        "name theirs with --colorspace, for example 'ADX10' or 'ARRI LogC3 (EI800)'",
        'name theirs in "colour space", for example ADX10 or ARRI LogC3 (EI800)',
        'name theirs as "colorspace", for example ADX10 or ARRI LogC3 (EI800)',
    ),
    "own_colorspace": Wording(
        "give its colorspace in the shot file (--write-shot)",
        "choose its colour space in its Read",
        'give its "colorspace"',
    ),
    "register": Wording(
        "give --register off to use it as it is",
        'set "keyframes that do not fit" to off to use it as it is',
        'set "register" to off to use it as it is',
    ),
    "output": Wording("give another --output", 'choose another "output folder"', "give it another output"),
    "no_reference": Wording(
        "give --reference FRAME=PATH, or --still PATH",
        'go to a frame that ref has in colour and press "Add key"',
        "give it a reference or a still",
    ),
    "force": Wording(
        "give --force to write it again",
        "move the file away to have it written again",
        "move the file away and resume the job to have it written again",
    ),
    "reuse": Wording(
        "check --reuse",
        "keep earlier versions on disk to copy what has not changed",
        "check that the earlier version is on disk",
    ),
    "cuts": Wording(
        "name all cuts with --cuts",
        "add a keyframe behind it",
        'name all cuts in "cuts"',
    ),
    "correct_cuts": Wording("correct --cuts", "give the cuts of this plate", 'correct "cuts"'),
    "or_still": Wording("add a reference there, or a --still", "add a key there", "add a reference there, or a still"),
    "cpu": Wording(
        "use --device cpu, or see `stcolor doctor`",
        'press "Troubleshoot" for what this machine has',
        "see `stcolor doctor` for what this machine has",
    ),
    "detectron": Wording(
        "give --detector-weights and --detector-config",
        'choose another "tracking", or connect a matte',
        'give "detector_weights" and "detector_config"',
    ),
    "name_keyframes": Wording(
        "name each keyframe: --reference FRAME=PATH",
        "read ref from a folder of its own",
        'name each keyframe with its "frame"',
    ),
    "no_layer": Wording("leave out --plate-layer", "read the movie without a layer", 'leave out "layer" of the plate'),
    "first_frame": Wording(
        "give --first-frame 1001, for example",
        "set the first frame in the plate's Read",
        'give 1001 as "first_frame" of the plate, for example',
    ),
    "no_first_frame": Wording(
        "leave out --first-frame",
        "read the files with their own numbers",
        'leave out "first_frame" of the plate',
    ),
    "movie_frames": Wording(
        "correct --frames, or number its frames with --first-frame",
        'correct "frame range", or the range of the plate\'s Read',
        'correct "frames", or number its frames with "first_frame"',
    ),
    "movie_frame": Wording(
        "name the movie's own frame behind its name: --reference FRAME=MOVIE@{}, for example",
        "connect a Read of the movie to the input ref that shows its frame {} there, for example",
        'name the movie\'s own frame as "movie_frame", {} for example',
    ),
    "movie_colorspace": Wording(
        "name it with --colorspace, for example 'Rec.2100-PQ - Display'",
        'name it in "colour space", for example Rec.2100-PQ - Display',
        'name it as "colorspace", for example Rec.2100-PQ - Display',
    ),
    "movie_format": Wording("choose another --movie-format", "choose another format", 'choose another "movie_format"'),
    "movie": Wording("give --movie {}", "write {}", "write {}"),
    "movie_rate": Wording("correct --movie-rate", "correct the rate", 'correct "movie_rate"'),
    "no_sound": Wording("pass --no-movie-sound", "leave the sound out", "leave the sound out"),
    "hold": Wording(
        "pass --missing hold",
        "set what its Read does on missing frames to nearest frame",
        'set "missing" of the plate to hold',
    ),
    "less_memory": Wording(
        "lower --working-height, or use --device cpu",
        'lower "working height"',
        'lower "working_height"',
    ),
    "layers": Wording(
        "name one with --layers, or leave that out",
        "submit the node again",
        'name one in "layers" of the output',
    ),
    "kept_layers": Wording(
        "name it in --layers, or leave that out",
        "submit the node again",
        'name it in "layers" of the output, or leave that out',
    ),
    "no_ids": Wording(
        "give --layers without rc_id, or another --compression",
        "disconnect the matte, or submit the node again",
        'give "layers" without rc_id, or another "compression"',
    ),
    "dissolves": Wording(
        "name all cuts and dissolves with --cuts",
        "add a keyframe on either side",
        'name all cuts and dissolves in "cuts"',
    ),
    "port": Wording("give another --port, or none", 'press "Start" again', "start it at another port"),
    "farm_name": Wording("--name", "name", "name"),
    "farm_chunk": Wording("--chunk", '"Chunk"', "chunk"),
    "farm_priority": Wording("--priority", '"Priority"', "priority"),
    "farm_gpus": Wording("--gpus", "number of GPUs", "number of GPUs"),
    "farm_timeout": Wording("--timeout", '"Timeout"', "timeout"),
    "farm_handles": Wording("--handles", '"Handles"', "handles"),
}
"""Every remedy that differs between the front ends, by its name."""


def advise(name: str, value: object = "") -> str:
    """Return the mark that stands for a remedy in a message.

    Args:
        name: A key of REMEDIES.
        value: What its wording takes, such as a frame number.

    Raises:
        KeyError: If there is no such remedy.
    """
    if name not in REMEDIES:
        raise KeyError(name)
    text = str(value)
    return f"⟦{name} {text}⟧" if text else f"⟦{name}⟧"


def word(message: str, front_end: FrontEnd | None = None) -> str:
    """Return a message with its remedies in the words of a front end.

    Args:
        message: A message with marks, or without.
        front_end: The front end; None for the one of this process: the command line, or what STCOLOR_FRONT_END names.
    """
    if front_end is None:
        front_end = "node" if os.environ.get(FRONT_END) == "node" else "command_line"

    def replace(match: re.Match[str]) -> str:
        if match[1] not in REMEDIES:  # somebody's file name
            return match[0]
        wording: str = getattr(REMEDIES[match[1]], front_end)
        words = wording.replace("{}", match[2] or "")
        begins = message[: match.start()].rstrip()
        return words[:1].upper() + words[1:] if not begins or begins[-1] in ".!?" else words

    return _MARK.sub(replace, message)
