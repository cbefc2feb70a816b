"""Pictures of programs for the documentation: the terminal, the page, and the plug-in's panel and dialogs."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
from demo_shot import CLIP_FRAMES, FIRST, KEYS, PROJECT, SCALE, Demo, Rgb8, copy_shot, save, shot_file, stcolor


@contextlib.contextmanager
def browser(width: int, height: int) -> Iterator[Any]:
    """Yield a headless Chromium, which ends with the block.

    Args:
        width: Of its window, in CSS pixels.
        height: Of its window, in CSS pixels.
    """
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
    """Return what a browser shows of an element.

    Args:
        element: The element, of Selenium.
        height: Of its upper part that is kept, in CSS pixels; None for all.
    """
    picture = cv2.imdecode(np.frombuffer(element.screenshot_as_png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    return np.asarray(picture if height is None else picture[: round(height * SCALE)], np.uint8)


def terminal(demo: Demo) -> None:
    """Make the bytes that `stcolor colorize` writes to a terminal while its bar runs, in a monospace font.

    Args:
        demo: The demo shot.
    """
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
    """Make the service's page for the demo shot from one keyframe; and its viewer with heat, wiped against the plate.

    Args:
        demo: The demo shot.
    """
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
    """Show a facility's path in place of this run's temporary folder.

    Args:
        driver: The browser.
        folder: The temporary folder.
    """
    driver.execute_script(
        """
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(arguments[0], "/show/sh010");
        """,
        str(folder),
    )


@contextlib.contextmanager
def nuke_script(demo: Demo, folder: Path) -> Iterator[tuple[Any, Any]]:
    """Yield the tests' stand-in for Nuke with the demo shot in a script.

    Args:
        demo: The demo shot.
        folder: Of the script; it is made.

    Yields:
        The session, and the script's nodes.
    """
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
    """Make the panel after two versions, the second with the keyframe that it suggested; its time line by itself.

    Args:
        demo: The demo shot.
    """
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
    """Make the dialog of Render on farm for Deadline, as it opens.

    Args:
        demo: The demo shot.
    """
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
    """Make the dialog of Add swatch for a matte of three parts of the film, told by their hue; one has two colours.

    Args:
        demo: The demo shot.
    """
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
    """Write an EXR with a mask for each of three ranges of hue, as layers grass, sky and fur.

    Args:
        picture: The picture to divide.
        path: The file.
    """
    from stcolor_core.images import frame_files

    hue, saturation, _ = np.moveaxis(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), -1, 0)
    fur = saturation < 60
    parts = {"grass": (hue < 65) & ~fur, "sky": (hue >= 85) & ~fur, "fur": fur}
    frame_files.write_frame(path, {f"{name}.A": (mask.astype(np.float32), "half") for name, mask in parts.items()})


def grab(name: str, widget: Any) -> None:
    """Save what a Qt widget shows.

    Args:
        name: The picture's name.
        widget: The widget.
    """
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
    """Return the full name of a module of the plug-in, in whichever of its packages it is.

    Args:
        name: The module's own name.
    """
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
