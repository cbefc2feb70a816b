"""The page of a real core in a real browser (headless Chromium), with real jobs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIRST, ShotOnDisk
from scenes import pan
from serving import Client, running_core, until

from stcolor_core.cli import main
from stcolor_core.shots.shot import Method, Output, Plate, Reference, Shot

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.chrome.service import Service  # noqa: E402
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
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def color(self, figure: str) -> float:
        """Return the mean of max - min over R, G, B of a picture, 0..255; -1 if there is no picture yet."""
        return float(
            self.driver.execute_script(
                """
                const image = document.querySelector(`#${arguments[0]} img`);
                if (image.hidden || !image.complete || !image.naturalWidth) return -1;
                const canvas = document.createElement("canvas");
                [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
                const context = canvas.getContext("2d");
                context.drawImage(image, 0, 0);
                const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                let sum = 0;
                for (let at = 0; at < data.length; at += 4) {
                  const rgb = data.slice(at, at + 3);
                  sum += Math.max(...rgb) - Math.min(...rgb);
                }
                return sum / (data.length / 4);
                """,
                figure,
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
    assert page.count("path.key") == 2
    page.see("result", rf"Result {FIRST + 11}")
    page.see("reference", rf"Reference {FIRST + 5}")
    until(lambda: page.color("result") >= 0)
    assert page.color("reference") > 20
    assert page.color("result") < 4  # no reference in its scene
    page.click("#candidates button")
    page.see("candidates", str(FIRST + 10))
    page.driver.refresh()
    page.see("line", "Done, 12 of 12 frames")
    assert page.count("path.key") == 2
    assert page.complaints() == []


def test_the_keyboard_shows_any_finished_frame_beside_its_plate_and_reference(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    shot = make_shot()
    core.finish(core.submit(asked_for(shot)))
    page.open(link)
    plot = page.driver.find_element(By.ID, "plot")
    page.see("line", "Done")
    plot.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.see("plate", f"Plate {FIRST + 1}")
    page.see("result", rf"Result {FIRST + 1} · confidence [01]\.\d\d")
    page.see("reference", f"Reference {FIRST}")
    assert (plot.get_attribute("aria-valuetext") or "").startswith(f"frame {FIRST + 1}, confidence ")
    until(lambda: min(map(page.color, ("plate", "result", "reference"))) >= 0)
    assert page.color("plate") < 4
    assert page.color("result") > 20
    plot.send_keys(Keys.END)
    page.see("plate", f"Plate {FIRST + 4}")
    assert page.text("follow")
    plot.send_keys(Keys.ESCAPE)
    until(lambda: not page.text("follow"))


def test_a_running_job_is_cancelled_from_the_page(core: Client, link: str, page: Page, make_shot: MakeShot) -> None:
    shot = long_shot(make_shot)
    page.open(link)
    running, waiting = core.submit(asked_for(shot)), core.submit(asked_for(shot, "v002"))
    core.events(running, until=lambda event: event["kind"] == "frame" and event["done"] > 2)
    page.see("line", r"of 400 frames.* left · looking at \d+")
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


def test_a_used_link_explains_how_to_get_a_new_one(link: str, page: Page) -> None:
    page.open(link)
    page.see("empty", "No jobs yet")
    page.driver.switch_to.new_window("tab")
    page.open(link)
    page.see("trouble", "used up.*stcolor status")
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


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (600, 900)])
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
