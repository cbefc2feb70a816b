"""What an artist does about a problem, in the terms of the program in front of them.

A message says what happened once, for all front ends. What to do differs: the command line has an option, the node has
a knob or an input, and the page shows a shot that was made elsewhere. So a message carries the remedy by its name,
`advise("missing")`, and each front end words it: the command line when it prints, the service when it answers.
An artist in Nuke or on the page has no shell at hand: where a command is the remedy, they read whom to ask first.
"""

from __future__ import annotations

import os
import re
from typing import Literal, NamedTuple

__all__ = ["FRONT_END", "REMEDIES", "SETTINGS", "FrontEnd", "Wording", "advise", "word"]

FrontEnd = Literal["command_line", "node", "page"]
FRONT_END = "STCOLOR_FRONT_END"  # set to "node" for a program that the plug-in runs and whose errors it shows
_LABEL = re.compile(r'"([^"]+)"')
_MARK = re.compile(r"⟦(\w+)(?: ([^⟦⟧]*))?⟧")


class Wording(NamedTuple):
    """A remedy in the words of each front end, to follow "Render it, or". {} is the value that it was given.

    Attributes:
        command_line: Names options.
        node: Names knobs in quotes by their labels, and inputs.
        page: Names settings of the shot in quotes, by the labels under which the page lists them (words.js).
    """

    command_line: str
    node: str
    page: str


REMEDIES = {
    "plate_path": Wording(
        "give --plate 'plates/sh010.####.exr'",
        "connect the grey shot to the input plate",
        'give the path of the "Plate"',
    ),
    "plate_layer_or_none": Wording(
        "give --plate-layer NAME, or leave it out",
        "choose a layer with colour in the plate's Read",
        'name one as "Plate\'s layer", or leave it out',
    ),
    "plate_layer": Wording(
        "name the one to take with --plate-layer",
        "render the plate with the same layer on all frames",
        'name the one to take as "Plate\'s layer"',
    ),
    "reference_path": Wording(
        "give --reference 1010=refs/sh010.1010.exr",
        "connect the coloured picture to the input ref",
        'give the path of each "Reference"',
    ),
    "still_path": Wording(
        "give --still look.png",
        'choose a picture as "still 1"',
        'give the path of each "Still"',
    ),
    "matte_path": Wording(
        "give --matte 1010=roto.1010.exr",
        "connect the matte to the input matte",
        'give the path of each "Matte"',
    ),
    "frame_matte": Wording(
        "give --matte {}=PATH",
        "connect a matte that has frame {} to the input matte",
        "give a matte of frame {}",
    ),
    "missing": Wording(
        "pass --missing skip or --missing hold",
        "set what its Read does on missing frames to black or nearest frame",
        'set "Missing frames" to skip or hold',
    ),
    "frames": Wording("check --frames", 'check "frame range"', 'check "Frames to write"'),
    "own_frames": Wording(
        "name the shot's frames with --frames",
        "set the range of the plate's Read",
        'name the frames of the "Plate"',
    ),
    "more_frames": Wording(
        "add it to --frames",
        "widen the range of the plate's Read",
        'add it to the frames of the "Plate"',
    ),
    "only": Wording("correct --only", 'correct "frame range"', 'correct "Frames to write"'),
    "as_still": Wording("give it as --still", 'choose it as "still 1"', 'give it as a "Still"'),
    "frame_path": Wording(
        "give FRAME=PATH",
        "number the files of ref like those of the plate",
        'give the frame of each "Reference"',
    ),
    "ocio": Wording(
        "correct --ocio or $OCIO",
        "correct the OCIO config in Nuke's project settings, or $OCIO",
        'correct the "OpenColorIO config" of the shot, or $OCIO',
    ),
    "colorspace": Wording(
        "name theirs with --colorspace, for example 'ADX10' or 'ARRI LogC3 (EI800)'",
        'name theirs in "colour space", for example ADX10 or ARRI LogC3 (EI800)',
        'name theirs as "Plate\'s colour space", for example ADX10 or ARRI LogC3 (EI800)',
    ),
    "own_colorspace": Wording(
        "give its colorspace in the shot file (--write-shot)",
        "choose its colour space in its Read",
        "give its colour space in the shot file",
    ),
    "register": Wording(
        "give --register off to use it as it is",
        'set "keyframes that do not fit" to off to use it as it is',
        'set "keyframes that do not fit" to off to use it as it is',
    ),
    "register_again": Wording(
        "leave out --register off to have its place sought",
        'set "keyframes that do not fit" to auto to have its place sought',
        'set "keyframes that do not fit" to auto to have its place sought',
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
        "move the file away and run it again to have it written",
    ),
    "write_again": Wording(
        "submit the shot again to write them again",
        'press "Colorize" for a new version',
        "press Write again to make them anew, or make another version",
    ),
    "resume": Wording("run it again", 'press "Colorize" again', "press Resume"),
    "run_again": Wording("run it again", 'press "Colorize" again', "press Write again"),
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
    "correct_cuts": Wording(
        'correct --cuts, or "cuts" in the shot file', "give the cuts of this plate", 'correct "cuts"'
    ),
    "or_still": Wording("add a reference there, or a --still", "add a key there", "add a reference there, or a still"),
    "cpu": Wording(
        "use --device cpu, or see `stcolor doctor`",
        'press "Troubleshoot" for what this machine has',
        "choose the CPU; whoever installed stcolor on this machine can see with `stcolor doctor` what it has",
    ),
    "detectron": Wording(
        "give --detector-weights and --detector-config",
        'choose another "tracking", or connect a matte',
        'give "detector weights" and "detector config"',
    ),
    "name_keyframes": Wording(
        "name each keyframe: --reference FRAME=PATH",
        "read ref from a folder of its own",
        'name the frame of each "Reference"',
    ),
    "no_layer": Wording("leave out --plate-layer", "read the movie without a layer", 'leave out the "Plate\'s layer"'),
    "first_frame": Wording(
        "give --first-frame 1001, for example",
        "set the first frame in the plate's Read",
        'give 1001 as "Plate\'s first frame", for example',
    ),
    "no_first_frame": Wording(
        "leave out --first-frame",
        "read the files with their own numbers",
        'leave out the "Plate\'s first frame"',
    ),
    "movie_frames": Wording(
        "correct --frames, or number its frames with --first-frame",
        'correct "frame range", or the range of the plate\'s Read',
        'correct "Frames to write", or number its frames with "Plate\'s first frame"',
    ),
    "movie_frame": Wording(
        "name the movie's own frame behind its name: --reference FRAME=MOVIE@{}, for example",
        "connect a Read of the movie to the input ref that shows its frame {} there, for example",
        'name the movie\'s own frame of the "Reference", {} for example',
    ),
    "movie_colorspace": Wording(
        "name it with --colorspace, for example 'Rec.2100-PQ - Display'",
        'name it in "colour space", for example Rec.2100-PQ - Display',
        'name it as "Plate\'s colour space", for example Rec.2100-PQ - Display',
    ),
    "movie_format": Wording("choose another --movie-format", "choose another format", "choose another format"),
    "movie": Wording("give --movie {}", "write {}", "write {}"),
    "movie_rate": Wording("correct --movie-rate", "correct the rate", "correct the rate"),
    "no_sound": Wording("pass --no-movie-sound", "leave the sound out", "leave the sound out"),
    "hold": Wording(
        "pass --missing hold",
        "set what its Read does on missing frames to nearest frame",
        'set "Missing frames" to hold',
    ),
    "less_memory": Wording(
        "lower --working-height, or use --device cpu",
        'lower "working height"',
        'lower "working height"',
    ),
    "layers": Wording(
        "name one with --layers, or leave that out",
        "submit the node again",
        'name one in "Layers to write"',
    ),
    "kept_layers": Wording(
        "name it in --layers, or leave that out",
        "submit the node again",
        'name it in "Layers to write", or leave that out',
    ),
    "no_ids": Wording(
        "give --layers without rc_id, or another --compression",
        "disconnect the matte, or submit the node again",
        'give "Layers to write" without rc_id, or another "Compression"',
    ),
    "dissolves": Wording(
        "name all cuts and dissolves with --cuts",
        "add a keyframe on either side",
        'name all cuts and dissolves in "cuts"',
    ),
    "port": Wording("give another --port, or none", 'press "Start" again', "start it at another port"),
    "doctor": Wording(
        "see `stcolor doctor`",
        'press "Troubleshoot"',
        "whoever installed stcolor on this machine can see why with `stcolor doctor`",
    ),
    "add_weights": Wording(
        "run: stcolor models add {}",
        "ask whoever installed RefColorize on this machine to add it. The command is: stcolor models add {}",
        "ask whoever installed stcolor on this machine to add it. The command is: stcolor models add {}",
    ),
    "add_weights_again": Wording(
        "add it again: stcolor models add {}",
        "ask whoever installed RefColorize on this machine to add it again. The command is: stcolor models add {}",
        "ask whoever installed stcolor on this machine to add it again. The command is: stcolor models add {}",
    ),
    "install_package": Wording(
        "install it: pip install {}",
        "ask whoever installed RefColorize on this machine to add it. The command is: pip install {}",
        "ask whoever installed stcolor on this machine to add it. The command is: pip install {}",
    ),
    "reinstall_package": Wording(
        "reinstall them: python3 -m pip install --force-reinstall {}",
        "ask whoever installed RefColorize on this machine to install the Python package {} again",
        "ask whoever installed stcolor on this machine to install the Python package {} again",
    ),
    "constant_rate": Wording(
        "convert it to a constant one, for example: ffmpeg -i IN -fps_mode cfr -r 24 -c:v prores_ks OUT.mov",
        "render it to EXR frames with a Read and a Write, and connect a Read of those",
        "convert it to a constant one, or to a picture sequence",
    ),
    "deadline_program": Wording(
        "deadline (pip install deadline)",
        "deadline, a Python package, or ask whoever looks after the farm",
        "deadline, a Python package",
    ),
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


SETTINGS = {
    "Missing frames": '"missing" of the plate',
    "Plate": '"plate"',
    "Plate's layer": '"layer" of the plate',
    "Plate's colour space": '"colorspace" of the plate',
    "Plate's first frame": '"first_frame" of the plate',
    "Reference": '"reference"',
    "Still": '"still"',
    "Matte": '"matte"',
    "Frames to write": '"frames"',
    "Layers to write": '"layers"',
    "Compression": '"compression"',
    "OpenColorIO config": '"ocio"',
    "keyframes that do not fit": '"register"',
    "cuts": '"cuts"',
    "tracking": '"tracking"',
    "working height": '"working_height"',
    "detector weights": '"detector_weights"',
    "detector config": '"detector_config"',
}
"""A label of the page -> the setting of a plan or a shot file."""


def word(message: str, front_end: FrontEnd | Literal["plan"] | None = None) -> str:
    """Return a message with its remedies in the words of a front end.

    Args:
        message: A message with marks, or without.
        front_end: The front end; "plan" for who writes a film's plan, whose settings are those of the page by other
            names; None for the one of this process: the command line, or what STCOLOR_FRONT_END names.
    """
    if front_end is None:
        front_end = "node" if os.environ.get(FRONT_END) == "node" else "command_line"

    def replace(match: re.Match[str]) -> str:
        if match[1] not in REMEDIES:  # somebody's file name
            return match[0]
        wording: str = getattr(REMEDIES[match[1]], "page" if front_end == "plan" else front_end)
        if front_end == "plan":
            wording = _LABEL.sub(lambda label: SETTINGS[label[1]], wording)
        words = wording.replace("{}", match[2] or "")
        begins = message[: match.start()].rstrip()
        return words[:1].upper() + words[1:] if not begins or begins[-1] in ".!?" else words

    return _MARK.sub(replace, message)
