"""The page after a job has ended: what it resumes, orders, repeats and finds again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from browser_page import NEEDS_BROWSER, MakeShot, Page, asked_for, browser, core, link, long_shot, page
from conftest import FIRST, write_reference
from scenes import pan
from selenium.webdriver.common.keys import Keys
from serving import Client, until

from stcolor_core.pipeline.run import colorize
from stcolor_core.shots.pictures import Plate

__all__ = ["browser", "core", "link", "page"]

pytestmark = NEEDS_BROWSER


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
    page.see("empty", "All jobs are cleared from the list. Their frames stay on disk.")
    assert "No jobs yet" not in page.text("empty")
    page.see("restore", "Show the cleared job")
    page.click("#restore")
    page.see("jobs", "Hair is too red")
    until(lambda: page.text("restore") == "")


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


def test_resume_overwrites_nothing_and_what_is_out_of_date_is_told_and_written_again_on_request(
    core: Client, link: str, page: Page, make_shot: MakeShot
) -> None:
    shot = make_shot()
    asked = asked_for(shot)
    job = core.submit(asked)
    core.finish(job)
    page.open(link)
    page.see("line", "Done")
    assert page.text("outdated") == page.text("again") == ""
    results = [Path(asked.output.path.replace("####", str(frame))) for frame in shot.frames]
    results[2].unlink()
    shutil.copy(shot.plate(FIRST + 3), shot.plate(FIRST + 1))
    kept = {path: path.read_bytes() for path in results if path.is_file()}
    page.see("gone", str(FIRST + 2))
    page.driver.refresh()  # the plates are looked at when a job is opened
    page.see("outdated", rf"the plate of {FIRST + 1} has changed since.*Write again")
    page.click("#resume")
    page.see("answer", rf"the plate of {FIRST + 1} has changed since.*nothing was written")
    assert {path: path.read_bytes() for path in results if path.is_file()} == kept
    page.see("line", "Done")
    page.click("#again")
    until(lambda: results[2].is_file())
    page.see("line", "Done, 5 of 5 frames")
    until(lambda: page.text("outdated") == "")
    assert {path: path.read_bytes() for path in kept} != kept


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
