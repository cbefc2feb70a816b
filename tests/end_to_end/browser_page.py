"""The service's page in a real browser, limited to what a person can see and do there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ShotOnDisk
from scenes import pan
from serving import Client, running_core, until

from stcolor_core.cli import main
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
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.remote.webdriver import WebDriver  # noqa: E402

__all__ = ["NEEDS_BROWSER", "MakeShot", "Page", "asked_for", "browser", "core", "link", "long_shot", "page"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
NEEDS_BROWSER = [
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
