"""The page of a real core in a real browser (headless Chromium), with real jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser_page import NEEDS_BROWSER, MakeShot, Page, asked_for, browser, core, link, long_shot, page
from conftest import FIRST, write_reference
from scenes import crossing, pan
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from serving import Client, running_core, until

from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.settings import Method

__all__ = ["browser", "core", "link", "page"]

pytestmark = NEEDS_BROWSER


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
    page.see("inputs", rf"References {FIRST}, {FIRST + 5} .*linear Rec\.709")
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
