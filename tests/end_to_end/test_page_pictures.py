"""The pictures of the page: those that take long, and their place in the window."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser_page import NEEDS_BROWSER, MakeShot, Page, asked_for, browser, core, link, long_shot, page
from conftest import FIRST, write_reference
from scenes import crossing, pan
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from serving import Client, until

from stcolor_core.service.pictures import PictureRenderer, Rendered
from stcolor_core.shots.settings import Method

__all__ = ["browser", "core", "link", "page"]

pytestmark = NEEDS_BROWSER


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
