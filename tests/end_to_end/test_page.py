"""The page of a real core in a real browser (headless Chromium), with real jobs."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, write_reference
from scenes import crossing, pan
from serving import Client, running_core, until

from stcolor_core.cli import main
from stcolor_core.pipeline.run import colorize
from stcolor_core.service.pictures import PictureRenderer, Rendered
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
webdriver = pytest.importorskip("selenium.webdriver")
from selenium.common.exceptions import (  # noqa: E402
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="chromium or chromedriver is not installed"),
]

MakeShot = Callable[..., ShotOnDisk]


class Page:
    """One tab, limited to the things that a person can see and do."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def open(self, link: str) -> None:
        self.driver.get(link)

    def text(self, name: str) -> str:
        """Return the visible text of an element; empty if it is hidden."""
        return self.driver.find_element(By.ID, name).text

    def see(self, name: str, words: str) -> str:
        """Wait until the text of an element matches a regular expression."""
        found: str = until(lambda: re.search(words, shown := self.text(name)) and shown, seconds=60)
        return found

    def click(self, selector: str) -> None:
        """Click an element as soon as it is there and can be clicked."""

        def clicked() -> bool:
            try:
                self.driver.find_element(By.CSS_SELECTOR, selector).click()
            except (NoSuchElementException, ElementNotInteractableException, StaleElementReferenceException):
                return False
            return True

        until(clicked, seconds=60)

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def press(self, *keys: str) -> None:
        """Press keys with the focus on no control."""
        body = self.driver.find_element(By.TAG_NAME, "body")
        body.send_keys(*keys)

    def shown(self) -> str:
        """Return the job and the frame of the picture that is seen; empty if there is none."""
        return self.driver.find_element(By.ID, "screen").get_attribute("data-shown") or ""

    def color(self, part: tuple[float, float] = (0, 1)) -> float:
        """Return the mean of max - min over R, G, B of the picture seen, 0..255; -1 if there is none.

        part: from where to where across the viewer, as shares of its width.
        """
        return float(
            self.driver.execute_script(
                """
                const screen = document.querySelector("#screen");
                if (!screen.dataset.shown) return -1;
                const canvas = document.createElement("canvas");
                [canvas.width, canvas.height] = [screen.width, screen.height];
                const from = Math.round(arguments[0] * canvas.width);
                const width = Math.max(1, Math.round(arguments[1] * canvas.width) - from);
                const context = canvas.getContext("2d", { willReadFrequently: true });
                context.drawImage(screen, 0, 0);
                const { data } = context.getImageData(from, 0, width, canvas.height);
                let [sum, count] = [0, 0];
                for (let at = 0; at < data.length; at += 4) {
                  if (!data[at + 3]) continue;
                  const rgb = data.slice(at, at + 3);
                  sum += Math.max(...rgb) - Math.min(...rgb);
                  count += 1;
                }
                return count ? sum / count : -1;
                """,
                *part,
            )
        )

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1280,800"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: WebDriver) -> Iterator[Page]:
    """A new tab, without a token."""
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.set_window_size(1280, 800)
    yield Page(browser)
    for tab in browser.window_handles:
        if tab != first:
            browser.switch_to.window(tab)
            browser.close()
    browser.switch_to.window(first)


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    with running_core(tmp_path / "state", device="cpu") as client:
        yield client


@pytest.fixture
def link(core: Client, capsys: pytest.CaptureFixture[str]) -> str:  # noqa: ARG001  (it must run)
    """Return the link that `stcolor status` prints."""
    assert main(["status"]) == 0
    found = re.search(r"http://127\.0\.0\.1:\d+/#ticket=\S+", capsys.readouterr().out)
    assert found is not None
    return found[0]


def asked_for(shot: ShotOnDisk, output: str = "v001", **method: str) -> Shot:
    return Shot(
        plate=Plate(path=str(shot.folder / "plate.####.exr")),
        output=Output(path=str(shot.folder / output / "sh010_v001.####.exr")),
        references=(Reference(path=str(shot.folder / "ref.####.exr")),),
        method=Method(working_height=64, **method),  # type: ignore[arg-type]
    )


def long_shot(make_shot: MakeShot, frames: int = 400) -> ShotOnDisk:
    return make_shot(pan(frames, height=64, width=96, step=2))


def test_the_page_shows_a_job_from_start_to_end_and_after_a_reload(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    shot = make_shot(pan(12, height=64, width=96, step=2), references=(FIRST, FIRST + 5))
    page.open(link)
    page.see("empty", "press Colorize|Press Colorize")
    assert "ticket" not in page.driver.current_url
    job = core.submit(asked_for(shot, cuts=str(FIRST + 10)))
    page.see("job", "sh010_v001")
    page.see("line", r"\d+ of 12 frames")
    core.finish(job)
    page.see("line", "Done, 12 of 12 frames")
    page.see("warnings", rf"Frames {FIRST + 10}-{FIRST + 11} have no reference")
    page.click("#inputs summary")
    page.see("inputs", r"Plate .*plate\.####\.exr: linear Rec\.709 \(the default of EXR files\)")
    page.see("inputs", rf"Reference {FIRST}, {FIRST + 5} .*linear Rec\.709")
    until(lambda: page.count("path.key") == 2)
    page.see("caption", rf"Result {FIRST + 11}")
    assert 0 <= page.color() < 4  # no reference in its scene
    page.press("3")
    page.see("caption", rf"Reference {FIRST + 5}")
    assert page.color() > 20
    page.click("#candidates button")
    page.see("candidates", rf"{FIRST + 10} · confidence 0\.\d\d · gains \d")
    until(lambda: page.shown() == f"{job} {FIRST + 10}")
    assert page.text("follow") == ""  # the job is done: no frame will be newer
    page.driver.refresh()
    page.see("line", "Done, 12 of 12 frames")
    until(lambda: page.count("path.key") == 2)
    assert page.complaints() == []


def test_the_keyboard_does_all_that_the_viewer_does(core: Client, link: str, page: Page, make_shot: MakeShot) -> None:
    shot = make_shot()
    core.finish(core.submit(asked_for(shot)))
    page.open(link)
    plot = page.driver.find_element(By.ID, "plot")
    page.see("caption", "Result")
    page.press(Keys.HOME, Keys.ARROW_RIGHT)
    page.see("caption", rf"Result {FIRST + 1} · confidence [01]\.\d\d")
    assert page.color() > 20
    assert (plot.get_attribute("aria-valuetext") or "").startswith(f"frame {FIRST + 1}, confidence ")
    page.press("2")
    page.see("caption", f"^Plate {FIRST + 1}$")
    assert 0 <= page.color() < 4
    page.press("3")
    page.see("caption", f"^Reference {FIRST}$")
    page.press("4")
    page.see("caption", f"^Confidence {FIRST + 1} ")
    assert 0 <= page.color() < 4
    page.press("1", "w")
    page.see("caption", rf"Result {FIRST + 1} .*\|  Plate {FIRST + 1}")
    until(lambda: page.color((0, 0.49)) > 20)
    assert 0 <= page.color((0.51, 1)) < 4
    page.press("w", "s")
    page.see("caption", rf"Result {FIRST + 1} .*\|  Plate {FIRST + 1}")
    page.press("d")
    page.see("caption", "minus .*times 4")
    page.press("d", "a")
    page.see("caption", f"^B: Plate {FIRST + 1}$")
    page.press("a", Keys.END)
    page.see("caption", f"Result {FIRST + 4}")
    plain = page.color()
    page.press("k")
    until(lambda: page.text("sources").split() == [str(FIRST), str(FIRST + 4)])
    until(lambda: page.color() != plain)
    page.press("k", "0")
    page.see("zoom", "^100 %$")
    page.press("f", "i", Keys.HOME, "o")
    page.see("range", f"{FIRST} to {FIRST}|{FIRST + 4} to")
    page.press("x")
    until(lambda: page.text("range") == "")
    plot.send_keys(Keys.PAGE_UP)
    page.see("caption", f"Result {FIRST + 4}")
    page.click("#help summary")
    page.click("#shortcuts")
    page.press("2")
    page.press(Keys.HOME)
    page.see("caption", f"Result {FIRST}")  # keys of one character are off
    page.click("#shortcuts")
    assert page.complaints() == []


def test_a_shot_plays_from_in_to_out_and_pauses(core: Client, link: str, page: Page, make_shot: MakeShot) -> None:
    job = core.submit(asked_for(make_shot(pan(9, height=64, width=96, step=2))))
    core.finish(job)
    page.open(link)
    page.see("caption", "Result")
    page.press(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "i", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "o")
    page.see("range", f"{FIRST + 2} to {FIRST + 4}")
    page.driver.execute_script(
        """
        window.seen = [];
        const screen = document.querySelector("#screen");
        const note = () => window.seen.push(screen.dataset.shown);
        new MutationObserver(note).observe(screen, { attributes: true, attributeFilter: ["data-shown"] });
        """
    )
    page.press(" ")
    until(lambda: len(page.driver.execute_script("return window.seen")) > 12)
    page.press(" ")
    until(lambda: page.text("play") == "Play")
    seen = [name for name in page.driver.execute_script("return window.seen") if name]
    numbers = [int(name.split()[1]) for name in seen if name.split()[0] == job]
    assert set(numbers) == {FIRST + 2, FIRST + 3, FIRST + 4}
    assert page.complaints() == []


def test_a_keyframe_that_was_fitted_to_the_plate_is_seen_as_given_and_as_used(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    scene, key = crossing(8), FIRST + 3
    shot = make_shot(scene, references=(key,))
    matrix = np.array([[1, 0, 4.0], [0, 1, 2.0]])
    moved = (cv2.warpAffine(p[3], matrix, p[3].shape[1::-1], borderMode=1) for p in (scene.lightnesses, scene.ab))
    write_reference(shot.reference(key), *moved)
    asked = replace(asked_for(shot), method=Method(working_height=112, cuts="none"))
    core.finish(core.submit(asked))
    page.open(link)
    page.see("warnings", rf"Reference {key} .*moved by 4\.5 px[\s\S]*Compare reference {key} as given and as used")
    page.press(Keys.END)
    page.see("caption", f"Result {FIRST + 7}")
    page.click("#warnings button")
    page.see("caption", rf"^Reference {key}  \|  Reference as used {key}$")
    assert page.color() > 5
    page.press("w", "d")  # as used it lies where the plate is, so that the edges differ
    page.see("caption", f"Reference {key} minus Reference as used {key}")
    assert page.color() > 1
    page.press("d", "5")
    page.see("caption", f"^Reference as used {key}$")
    page.press("w")  # B is not what A is already
    page.see("caption", rf"^Reference as used {key}  \|  Plate {key}$")
    page.press("3")
    page.see("caption", rf"^Reference {key}  \|  Reference as used {key}$")
    page.press("2")
    assert page.complaints() == []
    other = core.submit(replace(asked, output=replace(asked.output, path=asked.output.path.replace("v001", "v002"))))
    core.finish(other)
    page.click(f"[data-job='{other}']")
    page.see("caption", rf"^Plate {FIRST + 7}  \|  Result {FIRST + 7}")


def test_two_versions_are_compared(core: Client, link: str, page: Page, make_shot: MakeShot) -> None:
    shot = make_shot()
    first = core.submit(asked_for(shot))
    core.finish(first)
    second = core.submit(replace(asked_for(shot, "v002"), method=Method(working_height=64, chroma=0.0)))
    core.finish(second)
    page.open(link)
    page.see("line", "Done")
    page.click(f"[data-job='{first}']")
    until(lambda: page.shown().startswith(first))
    page.driver.find_element(By.CSS_SELECTOR, f"#against option[value='{second}']").click()
    page.driver.execute_script("document.activeElement.blur()")
    page.press("w")
    page.see("caption", rf"Result {FIRST + 3} .*\|  Result {FIRST + 3} · sh010_v001")
    until(lambda: page.color((0, 0.49)) > 20)
    assert 0 <= page.color((0.51, 1)) < 4  # the second version has no chroma


def test_a_running_job_is_cancelled_from_the_page(core: Client, link: str, page: Page, make_shot: MakeShot) -> None:
    shot = long_shot(make_shot)
    page.open(link)
    running, waiting = core.submit(asked_for(shot)), core.submit(asked_for(shot, "v002"))
    core.events(running, until=lambda event: event["kind"] == "frame" and event["done"] > 2)
    page.see("line", r"of 400 frames.* left · reading frame \d+")
    # the frames between the finished ones and the other keyframe stay open
    until(lambda: page.count("path.line") == 2)
    page.click("#cancel")
    assert core.finish(running)[-1]["kind"] == "cancelled"
    page.see("jobs", "cancelled")
    page.see("line", "of 400 frames")  # the waiting job runs now
    assert core.get(f"/v1/jobs/{waiting}")["state"] == "running"
    page.click(f"[data-job='{running}']")
    page.see("line", "Cancelled after")
    core.request("POST", f"/v1/jobs/{waiting}/cancel")


def test_a_failed_job_shows_its_reason_and_its_message_is_never_markup(
    core: Client, link: str, page: Page, tmp_path: Path, make_shot: MakeShot
) -> None:
    name = "<img src=x onerror=document.title='caught'>"
    asked = asked_for(make_shot(), name)
    core.finish(core.submit(replace(asked, plate=Plate(path=str(tmp_path / f"{name}.####.exr")))))
    page.open(link)
    assert name in page.see("error", "There is no frame of")
    assert name in page.text("path")
    assert page.count("img[src='x']") == 0
    assert page.driver.title != "caught"
    assert page.complaints() == []


def test_a_browser_that_opened_a_link_needs_no_other_until_the_core_ends(link: str, page: Page) -> None:
    page.open(link)
    page.see("empty", "No jobs yet")
    address = page.driver.current_url
    assert "ticket" not in address
    page.driver.switch_to.new_window("tab")
    page.open(address)
    page.see("empty", "No jobs yet")


def test_a_used_link_explains_how_to_get_a_new_one(link: str, page: Page) -> None:
    page.open(link)
    page.see("empty", "No jobs yet")
    page.driver.execute_script("localStorage.clear()")  # as in another browser
    page.driver.switch_to.new_window("tab")
    page.open(link)
    page.see("trouble", "used up.*stcolor status --open")
    assert not page.text("main")


def test_the_page_shows_when_the_core_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page, make_shot: MakeShot
) -> None:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    with running_core(tmp_path / "state", device="cpu") as core:
        core.finish(core.submit(asked_for(make_shot())))
        page.open(core.request("POST", "/v1/ticket")[1]["url"])
        page.see("line", "Done")
    page.see("trouble", "does not answer.*Start it from Nuke")
    assert "Done" in page.text("line")
    port = int(core.connection.url.rpartition(":")[2])
    with running_core(tmp_path / "state", device="cpu", port=port):  # another start, another token
        page.see("trouble", "used up")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (600, 900), (360, 740)])
def test_nothing_is_wider_than_the_window(
    core: Client, link: str, page: Page, make_shot: MakeShot, width: int, height: int
) -> None:
    core.finish(core.submit(asked_for(make_shot(), "a_name_without_any_blank_in_it_" * 6)))
    page.driver.set_window_size(width, height)
    page.open(link)
    page.see("line", "Done")
    widest, window = page.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert widest <= window
    page.driver.set_window_size(1280, 800)


# Pictures that take long


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """While this event is set, the core makes no picture, as if each took a minute."""
    hold = threading.Event()
    render = PictureRenderer.render

    async def held_render(self: PictureRenderer, *arguments: Any, **options: Any) -> Rendered:
        while hold.is_set():
            await asyncio.sleep(0.01)
        return await render(self, *arguments, **options)

    monkeypatch.setattr(PictureRenderer, "render", held_render)
    yield hold
    hold.clear()


def scrub(page: Page, times: int = 30) -> None:
    plot = page.driver.find_element(By.ID, "plot")
    plot.send_keys(*[Keys.ARROW_LEFT] * times)


def test_another_jobs_picture_is_never_seen_under_the_chosen_name(
    core: Client, link: str, page: Page, make_shot: MakeShot, held: threading.Event
) -> None:
    shot = make_shot(pan(12, height=64, width=96, step=2))
    first, second = core.submit(asked_for(shot)), core.submit(asked_for(shot, "v002"))
    core.finish(second)
    page.open(link)
    page.click(f"[data-job='{first}']")
    until(lambda: page.shown().startswith(first))
    page.driver.execute_script("document.querySelector('#fps').focus()")
    held.set()
    scrub(page, 8)
    page.click(f"[data-job='{second}']")
    page.see("path", "v002")
    assert page.color() == -1
    page.see("instead", "Loading")
    held.clear()
    until(lambda: page.shown() == f"{second} {FIRST + 10}")  # its newest frame, whatever was chosen of the other one
    assert page.complaints() == []


def test_cancel_is_answered_while_pictures_that_take_long_are_scrubbed(
    core: Client, link: str, page: Page, make_shot: MakeShot, held: threading.Event
) -> None:
    job = core.submit(asked_for(long_shot(make_shot)))
    core.events(job, until=lambda event: event["kind"] == "frame" and event["done"] > 9)
    page.open(link)
    page.see("caption", "Result")
    held.set()
    scrub(page)
    page.click("#cancel")
    assert core.finish(job)[-1]["kind"] == "cancelled"
    page.see("line", "Cancelled after")  # and the state of the jobs is still read
    assert held.is_set()


def test_a_picture_that_is_not_the_one_asked_for_is_never_shown(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    job = core.submit(asked_for(make_shot()))
    core.finish(job)
    page.open(link)
    page.see("caption", "Result")
    page.driver.execute_script(
        """
        const ask = window.fetch;
        window.fetch = (path, options) => ask(String(path).replace("of=plate", "of=result"), options);
        """
    )
    page.press("2")
    page.see("instead", f"The core sent the picture .{job} {FIRST + 3} result")
    assert page.color() == -1


@pytest.mark.parametrize("shape", [(160, 90), (90, 160)])
def test_the_curve_is_in_the_window_and_its_numbers_cannot_be_selected(
    core: Client, link: str, page: Page, make_shot: MakeShot, shape: tuple[int, int]
) -> None:
    width, height = shape
    core.finish(core.submit(asked_for(make_shot(pan(4, height=height, width=width, step=2)))))
    page.open(link)
    page.see("caption", "Result")
    plot = page.driver.find_element(By.ID, "plot")
    bottom, window = page.driver.execute_script(
        "return [document.querySelector('#plot').getBoundingClientRect().bottom, innerHeight]"
    )
    assert bottom <= window
    actions = ActionChains(page.driver).move_to_element_with_offset(plot, -100, 55).click_and_hold()
    actions.move_by_offset(80, 0).move_by_offset(60, 0).release().perform()
    assert page.driver.execute_script("return getSelection().toString()") == ""
    assert page.complaints() == []


BOTTOMS = """
    const parts = [...document.querySelectorAll("#plot, .transport, #screen, #notices")];
    const bottoms = parts.map((part) => part.getBoundingClientRect().bottom);
    return [innerHeight, document.querySelector("#screen").clientHeight, ...bottoms];
"""


def resize(page: Page, height: int) -> None:
    """Give the window an inner height, in pixels."""
    page.driver.set_window_size(1280, height)
    outer = height - page.driver.execute_script("return innerHeight")
    page.driver.set_window_size(1280, height + outer)
    until(lambda: page.driver.execute_script("return innerHeight") == height)


@pytest.mark.parametrize("height", [700, 900])
@pytest.mark.parametrize("notices", [0, 1, 3])
def test_the_picture_leaves_room_for_the_notices_the_curve_and_play(
    core: Client, link: str, page: Page, make_shot: MakeShot, notices: int, height: int
) -> None:
    shot = make_shot(crossing(12), references=(FIRST + 1, FIRST + 5))
    for key, offset in ((FIRST + 1, 4.0), (FIRST + 5, -4.0)):
        if notices < 3:
            continue
        planes = (shot.scene.lightnesses[key - FIRST], shot.scene.ab[key - FIRST])
        moved = (
            cv2.warpAffine(p, np.array([[1, 0, offset], [0, 1, 2.0]]), p.shape[1::-1], borderMode=1) for p in planes
        )
        write_reference(shot.reference(key), *moved)
    asked = replace(asked_for(shot, "v001"), method=Method(working_height=112, cuts="none"))
    core.finish(core.submit(asked))
    if notices:
        for frame in range(FIRST + 2, FIRST + 9):
            Path(asked.output.path.replace("####", str(frame))).unlink()
    resize(page, height)
    page.open(link)
    page.see("caption", "Result")
    until(lambda: page.count("#gone:not([hidden]), #warnings li") == notices)
    inner, _, *bottoms = page.driver.execute_script(BOTTOMS)
    assert max(bottoms) <= inner, bottoms
    page.press("w")
    page.see("caption", "Plate")
    inner, tall, *bottoms = page.driver.execute_script(BOTTOMS)
    assert max(bottoms) <= inner, bottoms
    assert tall >= (110 if height == 700 else 250)
    assert page.text("unfold") == ("Show all notices" if notices == 3 else "")
    if notices < 3:
        return
    page.click("#unfold")
    page.see("unfold", "Fold")
    uncut = "const box = document.querySelector('#notices'); return box.scrollHeight <= box.clientHeight"
    assert page.driver.execute_script(uncut)
    page.click("#unfold")
    page.see("unfold", "Show all")
    assert not page.driver.execute_script(uncut)
    inner, _, *bottoms = page.driver.execute_script(BOTTOMS)
    assert max(bottoms) <= inner, bottoms


@pytest.mark.parametrize("key", ["w", "h"])
def test_the_picture_stays_where_it_is_when_a_slider_appears(
    core: Client, link: str, page: Page, make_shot: MakeShot, key: str
) -> None:
    core.finish(core.submit(asked_for(make_shot())))
    page.open(link)
    page.see("caption", "Result")
    screen = page.driver.find_element(By.ID, "screen")
    before = screen.rect
    page.press(key)
    page.see(*{"w": ("wipe-group", "Wipe at"), "h": ("threshold-group", "Heat below")}[key])
    assert screen.rect == before


# After the end


def test_a_cancelled_job_is_resumed_noted_and_cleared_and_its_path_copied(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    job = core.submit(asked_for(long_shot(make_shot, 60)))
    core.events(job, until=lambda event: event["kind"] == "frame" and event["done"] > 2)
    core.request("POST", f"/v1/jobs/{job}/cancel")
    core.finish(job)
    page.open(link)
    page.see("candidates", "suggested for a shot that is done")
    page.click("#resume")
    page.see("line", "Done, 60 of 60 frames")
    page.click("#note")
    page.driver.switch_to.active_element.send_keys("Hair is too red.", Keys.ENTER)
    page.see("jobs", "Hair is too red")
    page.click("#copy")
    page.see("answer", "clipboard")
    page.click("#clear")
    page.see("empty", "No jobs yet")


def test_frames_that_were_deleted_after_the_job_are_told_and_written_again(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    asked = asked_for(make_shot(pan(9, height=64, width=96, step=2)))
    job = core.submit(asked)
    core.finish(job)
    page.open(link)
    page.see("line", "Done")
    page.see("caption", "Result")
    assert page.text("gone") == page.text("resume") == ""
    middle = Path(asked.output.path.replace("####", str(FIRST + 2)))
    for file in (middle, middle.with_name(middle.name.replace(str(FIRST + 2), str(FIRST + 1)))):
        file.unlink()
    page.press(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.see("instead", rf"Frame {FIRST + 2} \(.*\) was written and is not there any more.*Resume")
    page.see("gone", f"2 frames that were written are not there any more: {FIRST + 1}, {FIRST + 2}")
    page.click("#resume")
    until(lambda: middle.is_file())
    core.finish(job)
    until(lambda: page.text("gone") == "")
    page.see("caption", rf"Result {FIRST + 2}")


def test_a_frame_that_is_deleted_while_its_picture_is_kept_is_told_and_blanked(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    asked = asked_for(make_shot())
    job = core.submit(asked)
    core.finish(job)
    page.open(link)
    page.see("caption", f"Result {FIRST + 3}")
    for key in (Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_RIGHT):  # these and their neighbours are kept
        page.press(key)
    page.see("caption", f"Result {FIRST + 2}")
    first, shown = (Path(asked.output.path.replace("####", str(frame))) for frame in (FIRST + 1, FIRST + 2))
    first.unlink()
    aside = shown.rename(shown.with_suffix(".aside"))
    page.press(Keys.ARROW_LEFT)
    page.see("gone", f"{FIRST + 1}, {FIRST + 2}")
    page.see("instead", rf"Frame {FIRST + 1} \(.*\) was written and is not there any more")
    page.press(Keys.ARROW_RIGHT)
    page.see("instead", rf"Frame {FIRST + 2} \(.*\) was written and is not there any more")
    assert page.color() == -1
    aside.rename(shown)  # and nothing is touched on the page
    page.see("gone", f"A frame that was written is not there any more: {FIRST + 1}")
    page.see("caption", f"Result {FIRST + 2}")
    shown.unlink()
    page.see("gone", f"{FIRST + 1}, {FIRST + 2}")
    page.see("instead", rf"Frame {FIRST + 2} ")
    shutil.rmtree(shown.parent)
    page.see("gone", "5 frames")
    page.click("#reveal")
    page.see("answer", "is not there any more")


def test_a_done_job_that_is_left_alone_is_looked_at_again(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    asked = asked_for(make_shot())
    core.finish(core.submit(asked))
    page.open(link)
    page.see("caption", f"Result {FIRST + 3}")
    Path(asked.output.path.replace("####", str(FIRST + 3))).unlink()
    page.see("gone", f"A frame that was written is not there any more: {FIRST + 3}")
    page.see("instead", rf"Frame {FIRST + 3} ")


def test_the_queue_is_ordered_and_paused_from_the_page(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    core.request("POST", "/v1/queue/pause")
    shot = make_shot()
    jobs = [core.submit(asked_for(shot, name)) for name in ("v001", "v002", "v003")]
    page.open(link)
    page.see("paused", "paused")
    page.click(f"[data-job='{jobs[2]}']")
    page.see("path", "v003")
    page.click("#earlier")
    until(lambda: [each["id"] for each in core.get("/v1/jobs")] == [jobs[1], jobs[2], jobs[0]])
    page.click("#pause")
    core.finish(jobs[1])
    until(lambda: not page.text("paused"))


def test_a_waiting_and_a_failed_job_show_their_plate_references_and_settings(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    core.request("POST", "/v1/queue/pause")
    shot = make_shot()
    waiting = core.submit(asked_for(shot))
    page.open(link)
    page.see("line", "the queue is paused")
    page.see("settings", r"Plate\n.*plate\.####\.exr, 5 frames on disk")
    page.see("settings", rf"Reference {FIRST}\n.*ref\.{FIRST}\.exr")
    page.see("caption", f"Plate {FIRST} · not coloured yet")
    page.press("3")
    page.see("caption", f"Reference {FIRST}")
    core.request("POST", "/v1/queue/continue")
    core.finish(waiting)
    failed = core.submit(replace(asked_for(shot, "v002"), plate=Plate(path=str(shot.folder / "gone.####.exr"))))
    core.finish(failed)
    page.click(f"[data-job='{failed}']")
    page.see("error", "There is no frame of")
    page.see("settings", r"gone\.####\.exr")


def test_one_more_key_makes_the_next_version_from_the_page(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    shot = make_shot(references=(FIRST,))
    core.finish(core.submit(asked_for(shot)))
    page.open(link)
    page.see("caption", "Result")
    page.press(Keys.END)
    until(lambda: page.text("key") == f"Make v002 with a key at {FIRST + 4}")
    page.click("#key")
    page.see("answer", rf"Save it as .*ref\.{FIRST + 4}\.exr")
    write_reference(shot.reference(FIRST + 4), shot.scene.lightnesses[4], shot.scene.ab[4])
    page.click("#key")
    page.see("path", r"sh010_v002\.####\.exr")
    page.see("line", "Done, 5 of 5 frames")
    until(lambda: page.count("path.key") == 2)


def test_frames_of_an_earlier_session_have_their_curve_and_their_pictures_without_the_plate(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    shot = make_shot()
    for _ in colorize(asked_for(shot), device="cpu"):
        pass
    for frame in shot.frames:
        shot.plate(frame).unlink()
    core.request("POST", "/v1/queue/pause")
    core.submit(asked_for(shot))
    page.open(link)
    page.see("caption", rf"Result {FIRST + 4} · confidence")
    assert page.color() > 20
    assert page.count("path.line") == 1


# For everyone


def test_cancel_is_few_stops_of_the_tab_key_away_and_the_list_of_jobs_is_one(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    core.request("POST", "/v1/queue/pause")
    shot = make_shot()
    for number in range(12):
        core.submit(asked_for(shot, f"v{number:03}"))
    page.open(link)
    page.see("path", "v011")
    stops = []
    while "cancel" not in stops:
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        stops.append(page.driver.execute_script("return document.activeElement.id || document.activeElement.className"))
        assert len(stops) < 7, stops


STATES = ["empty", "done", "failed", "heat", "narrow", "no link", "running", "paused", "cancelled", "gone", "fitted"]


@pytest.mark.parametrize("state", [*STATES, "core ended"])
def test_axe_finds_nothing_that_keeps_anyone_out(
    core: Client, link: str, page: Page, make_shot: MakeShot, state: str
) -> None:
    shot = make_shot() if state not in ("running", "paused", "cancelled") else long_shot(make_shot)
    asked, job = asked_for(shot), ""
    if state == "narrow":
        page.driver.set_window_size(500, 900)
    if state == "failed":
        asked = replace(asked, plate=Plate(path=str(shot.folder / "gone.####.exr")))
    if state == "fitted":
        write_reference(shot.reference(FIRST), *(np.roll(p[0], 3, 1) for p in (shot.scene.lightnesses, shot.scene.ab)))
    if state != "empty":
        job = core.submit(asked)
    if state in ("running", "paused", "cancelled"):
        core.events(job, until=lambda event: event["kind"] == "frame" and event["done"] > 2)
    elif job:
        core.finish(job)
    if state == "paused":
        core.submit(asked_for(shot, "v002"))
        core.request("POST", "/v1/queue/pause")
    if state == "cancelled":
        core.request("POST", f"/v1/jobs/{job}/cancel")
        core.finish(job)
    if state == "gone":
        for frame in (FIRST + 1, FIRST + 3):
            Path(asked.output.path.replace("####", str(frame))).unlink()
    page.open(link if state != "no link" else f"{core.connection.url}/")
    if state == "no link":
        page.see("trouble", "stcolor status --open")
    elif state == "empty":
        page.see("empty", "No jobs yet")
    else:
        words = {"failed": "Failed", "running": "left|reading", "paused": "Paused|Waits", "cancelled": "Cancelled"}
        page.see("line", words.get(state, "Done"))
    if state == "heat":
        page.press("h", "w")
        page.click("#help summary")
        page.click("#settings summary")
    if state == "paused":
        page.see("paused", "paused")
    if state == "gone":
        page.see("gone", "2 frames")
        page.see("instead", "not there any more")
    if state == "fitted":
        page.click("#warnings button:not([hidden])")
        page.see("caption", "as used")
        page.press("k")
    if state == "core ended":
        core.request("POST", "/v1/shutdown")
        page.see("trouble", "core")
    page.driver.execute_script((Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    page.driver.set_window_size(1280, 800)
    if state == "running":
        core.request("POST", f"/v1/jobs/{job}/cancel")
    assert found["passes"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
