"""Damage picture files and read them, as a separate program, so that a crash of a library ends only this process.

    python tests/core/fuzz_pictures.py FOLDER --seed 1 --cases 5000

Exit status 0: each file was read, or refused with one line of our own. Anything else is a fault, and the last line of
FOLDER/log names the case: `--only CASE` runs it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import random
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from picture_files import cineon

from stcolor_core.errors import OutputError, PlateError
from stcolor_core.images import frame_files, pictures, plates

LONGEST_SECONDS = 20  # a case takes milliseconds, but a CI machine may pause
MOST_MEMORY = 2 * 1024**3
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FFFFFF)


def originals(folder: Path) -> list[Path]:
    """Write valid files of every kind that the reader accepts, small, so that damage hits important parts."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [_exr(folder / f"{name}.exr", compression=name) for name in ("zips", "zip", "piz", "dwaa", "none", "rle")]
    files.append(_exr(folder / "tiled.exr", compression="zip", tiles=8))
    files.append(_exr(folder / "mixed.exr", compression="zips", formats=("half", "float", "float", "uint32")))
    files.append(_parts(folder / "parts.exr"))
    files.append(_frame(folder / "ours.exr"))
    for name, kind in (
        ("p.dpx", "uint16"),
        ("p.tif", "float"),
        ("q.tif", "uint8"),
        ("p.png", "uint8"),
        ("p.jpg", "uint8"),
        ("p.j2c", "uint8"),
    ):
        files.append(_save(folder / name, _spec(kind), _pixels()))
    files.append(cineon(folder / "p.cin", (_pixels() * 1023).astype(int)))
    return files


def cases(files: list[Path], seed: int, count: int) -> Iterator[tuple[str, Callable[[], tuple[str, bytes]]]]:
    """Yield the name of each case, and the suffix and content of its file."""
    for number in range(count):
        name = f"{seed}:{number}"
        yield name, lambda name=name, number=number: damaged(files[number % len(files)], random.Random(name))


def damaged(path: Path, rng: random.Random) -> tuple[str, bytes]:
    """Return the file with one to four faults."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice((_flip, _flip, _number, _number, _number, _cut, _insert, _swap, _text))(data, rng)
    return path.suffix, bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Choose a position, mostly in the header."""
    return rng.randrange(min(len(data), rng.choice((64, 512, 2048, len(data))))) if data else 0


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 16))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _number(data: bytearray, rng: random.Random) -> None:
    form = rng.choice(("<I", ">I", "<H", ">H", "<Q", "B"))
    value = rng.choice((*_EXTREMES, rng.randrange(2**32), rng.randrange(70000)))
    place = _place(data, rng)
    packed = struct.pack(form, value % 2 ** (8 * struct.calcsize(form)))
    data[place : place + len(packed)] = packed


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[max(1, rng.randrange(len(data))) :]


def _insert(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    data[place:place] = rng.randbytes(rng.choice((1, 4, 8, 100)))


def _swap(data: bytearray, rng: random.Random) -> None:
    """Copy a piece of the file over another, as a broken disk block does."""
    length, source, target = rng.choice((4, 16, 64)), _place(data, rng), _place(data, rng)
    data[target : target + length] = data[source : source + length]


def _text(data: bytearray, rng: random.Random) -> None:
    """Return bytes that are not UTF-8."""
    place = _place(data, rng)
    data[place : place + 3] = rng.choice((b"\xff\xfe\xfd", b"\xc3\x28\xa0", b"\x00\x00\x00", b"\x80abc"))[:3]


def try_all(path: Path, folder: Path) -> None:
    """Read a picture in every way that the program does. A refusal must be one line; other exceptions are faults."""
    plates.is_complete(path)
    frame_files.frame_state(path)
    frame_files.is_unmodified(path)
    header: pictures.Header | None = None
    for read in (plates.read_header, plates.read_plate, plates.read, plates.read_matte_file, frame_files.pixel_hash):
        try:
            found: Any = read(path)
            header = found if isinstance(found, pictures.Header) else header
            if isinstance(found, pictures.Picture):
                assert found.pixels.shape[:2] == found.shape and np.isfinite(found.pixels).all()
                assert plates.rgb(found).shape == (*found.shape, 3)
        except PlateError as error:
            _check(str(error), path)
    if header is not None and header.shape[0] * header.shape[1] < 2**20:
        values = np.zeros(header.shape, np.float32)
        try:
            frame_files.write_frame(folder / "out.exr", {"Y": (values, "half")}, like=header)
        except OutputError as error:
            raise AssertionError(f"a frame like this cannot be written: {error}") from error
        assert frame_files.frame_state(folder / "out.exr").complete


def _check(message: str, path: Path) -> None:
    assert message.isprintable() and str(path) in message and len(message) < 1000, message


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep-going", action="store_true", help="count faults instead of ending at the first")
    options = parser.parse_args()
    logging.disable()
    bound_memory()
    files, faults = originals(options.folder / "whole"), 0
    for path in files:  # otherwise the damaged file would be refused anyway
        plates.read(path)
    with (options.folder / "log").open("w", encoding="utf-8", buffering=1) as log:
        for name, make in cases(files, options.seed, options.cases):
            if options.only in ("", name):
                log.write(f"{name}\n")
                suffix, content = make()
                path = options.folder / f"damaged{suffix}"
                path.write_bytes(content)
                faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
                try:
                    try_all(path, options.folder)
                except Exception:  # noqa: BLE001 - any is what this looks for
                    faults += 1
                    sys.stderr.write(f"case {name} ({path})\n{traceback.format_exc()}\n")
                    if not options.keep_going:
                        return 1
                faulthandler.cancel_dump_traceback_later()
    return 1 if faults or peak() > MOST_MEMORY else 0


def bound_memory() -> None:
    """Limit the memory of this process to the bound of a picture, if the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, resource.RLIM_INFINITY))


def peak() -> int:
    """Return the peak memory of this process in bytes; 0 if the system does not report it."""
    if sys.platform == "linux":  # on Linux, getrusage may report the peak of the parent process
        (most,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(most.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _pixels(channels: int = 3) -> Any:
    y, x = np.mgrid[:32, :36] / 36
    return np.stack([(x + y + 0.1 * c) / 3 for c in range(channels)], axis=-1).astype(np.float32)


def _spec(kind: str, channels: int = 3) -> Any:
    spec = oiio.ImageSpec(36, 32, channels, kind)
    spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = -2, 1, 0, 0, 32, 33
    for name, type_name, value in (
        ("PixelAspectRatio", "float", 2.0),
        ("owner", "string", "facility"),
        ("smpte:TimeCode", "timecode", (0x10203040, 7)),
        ("FramesPerSecond", "rational", (24000, 1001)),
        ("worldToCamera", "matrix", tuple(range(16))),
        ("worldToNDC", "matrix", tuple(range(16))),
        ("chromaticities", "float[8]", (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)),
        ("nuke/size", "int[2]", (4, 5)),
        ("nuke/place", "vector", (1.0, 2.0, 3.0)),
        ("nuke/names", "string[3]", ("a", "bb", "ccc")),
        ("nuke/exposure", "double", 1.5),
        ("smpte:KeyCode", "keycode", (1, 2, 3, 4, 5, 6, 7)),
        ("Orientation", "int", 1),
        ("cryptomatte/1234567/name", "string", "crypto"),
        ("ImageDescription", "string", "a plate"),
        ("DateTime", "string", "2026:01:01 00:00:00"),
    ):
        spec.attribute(name, oiio.TypeDesc(type_name), value)
    return spec


def _exr(path: Path, *, compression: str, tiles: int = 0, formats: tuple[str, ...] = ()) -> Path:
    names = ("R", "G", "B", "id.X") if formats else ("R", "G", "B")
    spec = _spec("half" if not formats else "float", len(names))
    spec.channelnames = names
    spec.tile_width = spec.tile_height = tiles
    if formats:
        spec.channelformats = tuple(map(oiio.TypeDesc, formats))
    spec.attribute("compression", compression)
    return _save(path, spec, _pixels(len(names)))


def _save(path: Path, spec: Any, pixels: Any) -> Path:
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec) and file.write_image(pixels) and file.close(), file.geterror()
    return path


def _parts(path: Path) -> Path:
    specs = [_spec("half"), _spec("float"), _spec("half", 4)]
    for name, spec in zip(("albedo", "rgba", "crypto"), specs, strict=True):
        spec.attribute("oiio:subimagename", name)
        spec.attribute("compression", "zip")
    specs[2].channelnames = tuple(f"crypto00.{name}" for name in "RGBA")
    file = oiio.ImageOutput.create(str(path))
    for index, spec in enumerate(specs):
        opened = file.open(str(path), tuple(specs)) if index == 0 else file.open(str(path), spec, "AppendSubimage")
        assert opened and file.write_image(_pixels(spec.nchannels)), file.geterror()
    assert file.close()
    return path


def _frame(path: Path) -> Path:
    values = _pixels()
    layers: Any = {name: (values[..., i], "half") for i, name in enumerate("RGB")}
    frame_files.write_frame(
        path, {**layers, "rc_st.u": (values[..., 0], "float")}, metadata={"stcolor/settings": "abc"}
    )
    return path


if __name__ == "__main__":
    sys.exit(main())
