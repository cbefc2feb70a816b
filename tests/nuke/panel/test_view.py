"""The panel's texts on a node and on the core's answers, and the positions on its time line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refcolorize.jobs.progress import confidence_curve, duration
from refcolorize.panel.placing import Scale, frame_labels, spread_boxes, wrap_boxes
from refcolorize.panel.state import Keyframe, NodeState, ShotState, Snapshot
from refcolorize.panel.view import core_status, hint_text, note_text, queue_rows, suggestions


def job(id: str, state: str, **more: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("looking", "error", "frame", "seconds_left"))
    own = {"id": id, "kind": "shot", "state": state, "done": 0, "total": 0, "output": f"/out/{id}.####.exr"}
    return {**unknown, **own, **more}


def test_the_queue_shows_running_then_waiting_then_recently_ended_jobs() -> None:
    newest_first = [
        job("late", "queued"),
        job("preview", "queued", kind="preview", frame=7),
        job("early", "queued"),
        job("now", "running"),
        *(job(f"old{n}", "done") for n in range(5)),
    ]
    rows = queue_rows(newest_first, own="early")
    assert [row.id for row in rows] == ["now", "preview", "early", "late", "old0", "old1", "old2"]
    assert [row.id for row in rows if row.live] == ["now", "preview", "early", "late"]
    assert [row.id for row in rows if row.own] == ["early"]


@pytest.mark.parametrize(
    ("state", "more", "words", "share"),
    [
        pytest.param("queued", {}, "Waiting", 0, id="waits"),
        pytest.param("running", {}, "Starting", 0, id="has just begun"),
        pytest.param("running", {"total": 10, "looking": 1004}, "Tracking frame 1004", 0, id="looks before it colours"),
        pytest.param("running", {"done": 4, "total": 10}, "4 of 10", 0.4, id="cannot tell the time yet"),
        pytest.param("running", {"done": 4, "total": 10, "seconds_left": 90.0}, "4 of 10, 2 min left", 0.4, id="runs"),
        pytest.param(
            "running", {"done": 9, "total": 10, "seconds_left": 1.2}, "9 of 10, a few seconds left", 0.9, id="ends"
        ),
        pytest.param("running", {"done": 10, "total": 10, "seconds_left": 0.0}, "10 of 10, finishing", 1, id="last"),
        pytest.param("done", {"done": 10, "total": 10}, "Done, 10 frames", 1, id="done"),
        pytest.param("done", {"done": 1, "total": 1}, "Done, 1 frame", 1, id="done with one"),
        pytest.param("failed", {"done": 4, "total": 10, "error": "No."}, "Failed", 0.4, id="failed"),
        pytest.param("cancelled", {}, "Cancelled", 0, id="cancelled"),
    ],
)
def test_the_state_of_a_job_is_described_in_words(state: str, more: dict[str, Any], words: str, share: float) -> None:
    (row,) = queue_rows([job("a", state, **more)], own="")
    assert (row.state, row.progress) == (words, share)


def test_a_job_is_named_by_its_frames_and_its_tooltip_has_the_full_path_and_error() -> None:
    failed, preview = queue_rows(
        [job("a", "failed", error="Disk full."), job("b", "done", kind="preview", frame=7)], own=""
    )
    assert (failed.title, failed.tooltip) == ("a", "Disk full.\n/out/a.####.exr")
    assert preview.title == "Preview 7, b"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (59.7, "1 min"), (3599, "1 h 0 min"), (4810, "1 h 20 min")]
)
def test_a_remaining_time_is_rounded_for_a_person(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_core_is_described_by_its_device_memory_and_models() -> None:
    models = ["standard", "exemplar"]
    health = {"device": "cuda", "device_name": "RTX A6000", "free_memory": 3 * 2**29, "models": models}
    core = core_status(Snapshot(address="http://127.0.0.1:4", health=health))
    assert core.running
    assert "http://127.0.0.1:4" in core.title
    assert core.detail.split("  ·  ") == ["RTX A6000", "1.5 GB free", "standard, exemplar"]
    bare = core_status(Snapshot(health={"device": "cpu", "device_name": None, "free_memory": 2**33, "models": []}))
    assert bare.detail.split("  ·  ") == ["CPU", "8.0 GB free", "no model installed"]


def test_an_unreachable_core_is_a_state_with_details_if_there_are_any() -> None:
    assert not core_status(Snapshot()).running
    assert core_status(Snapshot(problem="It speaks protocol 9.")).detail == "It speaks protocol 9."


def test_in_a_paused_queue_the_shots_say_so_and_previews_go_on() -> None:
    jobs = (job("a", "running"), job("b", "queued"), job("c", "queued", kind="preview", frame=3))
    rows = {row.id: row for row in queue_rows(jobs, own="b", paused=True)}
    assert [rows[id].state for id in "bc"] == ["The queue is paused", "Waiting"]
    assert rows["b"].tooltip.startswith("The queue is paused. Press Continue queue on the core's page.")
    assert [row.state for row in queue_rows(jobs, own="b")] == ["Starting", "Waiting", "Waiting"]


def test_a_frame_that_is_already_a_keyframe_is_not_suggested() -> None:
    frames = {"weakest": [5, 9, 7, 3, 1], "frames": []}
    assert suggestions(frames, [Keyframe(9)]) == (5, 7, 3)
    assert suggestions(None, []) == ()


def test_the_curve_has_the_frames_that_are_coloured() -> None:
    known = {1: 0.5, 2: None, 3: 1.0}
    frames = {"frames": [{"frame": frame, "confidence": confidence} for frame, confidence in known.items()]}
    assert confidence_curve(frames) == ((1, 0.5), (3, 1.0))


def test_each_warning_of_the_job_is_shown_once_after_the_reason_of_its_failure() -> None:
    jobs = (job("a", "failed", error="Disk full."), job("b", "failed", error="Not mine."))
    assert note_text("", "", Snapshot("a", jobs=jobs, warnings=("Dark.", "Dark."))) == "Disk full.\nDark."
    assert note_text("", "", Snapshot("c", jobs=jobs)) == ""
    assert note_text("", "", Snapshot("c", jobs=jobs), marks=("", "OUT OF DATE.")) == "OUT OF DATE."


def test_the_note_does_not_say_again_what_the_status_line_says() -> None:
    snapshot = Snapshot("a", jobs=(job("a", "failed", error="Disk full."),), warnings=("Dark.", "Bright."))
    assert note_text("v001 failed: Disk full. Dark", "It is gone.", snapshot) == "It is gone.\nBright."


SKY, SEA = "/show/refcolorize/comp/Sky", "/show/refcolorize/comp/Sea"
FAILED = job("b", "failed", error="Disk full.", output=f"{SKY}/v002/Sky_v002.####.exr")


@pytest.mark.parametrize(
    ("later", "note"),
    [
        pytest.param([], "Disk full.", id="nothing has run since"),
        pytest.param([job("c", "done", output=f"{SKY}/v003/Sky_v003.####.exr")], "", id="a version is done"),
        pytest.param(
            [job("p", "done", kind="preview", output=f"{SKY}/preview/Sky_preview.####.exr")], "", id="preview"
        ),
        pytest.param([job("c", "running", output=f"{SKY}/v003/Sky_v003.####.exr")], "Disk full.", id="one runs"),
        pytest.param([job("c", "done", output=f"{SEA}/v001/Sea_v001.####.exr")], "Disk full.", id="another node's"),
    ],
)
def test_an_old_failure_is_not_shown_after_a_later_run_of_the_node_has_succeeded(
    later: list[dict[str, Any]], note: str
) -> None:
    before = job("a", "done", output=f"{SKY}/v001/Sky_v001.####.exr")
    assert note_text("preview is done: 1 frame", "", Snapshot("b", jobs=(*later, FAILED, before))) == note


def test_the_core_is_described_as_the_dialog_about_it_does() -> None:
    assert "first Colorize starts it" in core_status(Snapshot()).detail
    assert "did not start" in core_status(Snapshot(), has_failed=True).detail
    assert "Start core in the dialog" in core_status(Snapshot(), is_wanted=True, has_failed=True).detail
    starting = core_status(Snapshot(), is_starting=True, has_failed=True)
    assert (starting.title, starting.starting) == ("The core is being started", True)
    assert "first Colorize" not in starting.detail


@pytest.mark.parametrize(
    ("node", "says"),
    [
        pytest.param(None, "no RefColorize node", id="no node"),
        pytest.param(NodeState("R", ShotState(1, 9, 1), plate=False), "plate", id="no plate"),
        pytest.param(NodeState("R", ShotState(1, 9, 1), reference=False), "ref", id="no reference"),
        pytest.param(NodeState("R", ShotState(1, 9, 1)), "Add keyframe", id="no key"),
        pytest.param(NodeState("R", ShotState(1, 9, 1, (Keyframe(3, used=False),))), "Add keyframe", id="all keys off"),
        pytest.param(NodeState("R", ShotState(1, 9, 1, (Keyframe(3),))), "Colorize", id="not coloured yet"),
    ],
)
def test_the_hint_names_the_next_action_if_something_is_missing(node: NodeState | None, says: str) -> None:
    assert says in hint_text(node)


def test_keyframes_without_colour_are_told_in_the_status_line_or_in_the_hint() -> None:
    shot = ShotState(1, 9, 1, (Keyframe(3, flaw="has no colour"), Keyframe(5), Keyframe(7, flaw="has no colour")))
    told = hint_text(NodeState("R", shot))
    assert told == "Keyframes 3, 7 have no colour. Paint ref there, or switch the keyframes off."
    one = hint_text(NodeState("R", ShotState(1, 9, 1, (Keyframe(3, flaw="has no colour"), Keyframe(5)))))
    assert one == "Keyframe 3 has no colour. Paint ref there, or switch the keyframe off."
    assert hint_text(NodeState("R", shot, status=told)) == ""
    assert hint_text(NodeState("R", shot, status="v001 is done: 9 frames")) == told


def test_a_shot_with_swatches_needs_no_keyframe() -> None:
    unkeyed = NodeState("R", ShotState(1, 9, 1, swatches=(3,)), reference=False)
    assert "Colorize" in hint_text(unkeyed)
    keyed = NodeState("R", ShotState(1, 9, 1, (Keyframe(3),), swatches=(3,)), reference=False)
    assert "input ref" in hint_text(keyed)


def test_there_is_no_hint_if_nothing_is_missing() -> None:
    assert hint_text(NodeState("R", ShotState(1, 9, 1, (Keyframe(3),)), job="a")) == ""
    failed = NodeState("R", ShotState(1, 9, 1, (Keyframe(3),)), status="v001 failed: The core did not start.")
    assert hint_text(failed) == "", "Colorize was pressed, and the status line says what came of it"


@given(first=st.integers(-999, 9999), count=st.integers(1, 3000), width=st.integers(1, 3000))
def test_the_position_of_a_frame_maps_back_to_the_frame(first: int, count: int, width: int) -> None:
    scale = Scale(first, first + count - 1, 8, width)
    for frame in (first, first + count // 2, first + count - 1):
        assert scale.frame(scale.x(frame)) == frame


def test_positions_outside_of_the_shot_are_clamped_to_its_ends() -> None:
    scale = Scale(10, 19, 0, 100)
    assert (scale.frame(-50), scale.frame(500)) == (10, 19)
    assert (scale.x(1), scale.x(99)) == (5, 95)


@given(st.lists(st.floats(0, 400), max_size=12).map(sorted))
def test_boxes_that_fit_stay_in_order_inside_and_apart(centers: list[float]) -> None:
    lefts = spread_boxes(centers, width=30, gap=3, left=0, right=400)
    assert all(after - before >= 33 - 1e-6 for before, after in zip(lefts, lefts[1:]))
    assert all(-1e-6 <= left <= 370 + 1e-6 for left in lefts)


def test_a_box_with_room_is_placed_over_its_position() -> None:
    assert spread_boxes([100, 300], width=30, gap=3, left=0, right=400) == [85, 285]


def test_boxes_that_do_not_fit_overlap_evenly() -> None:
    assert spread_boxes([0, 0, 0], width=50, gap=0, left=0, right=100) == [0, 25, 50]


@given(first=st.integers(0, 2000), count=st.integers(1, 5000), width=st.integers(100, 2000))
def test_the_frame_numbers_never_touch_and_the_first_frame_has_one(first: int, count: int, width: int) -> None:
    scale = Scale(first, first + count - 1, 0, width)
    labels = frame_labels(scale, width=40)
    places = [scale.x(frame) for frame in labels]
    assert labels[0] == first
    assert all(after - before >= 40 - 1e-6 for before, after in zip(places, places[1:]))


@given(st.lists(st.integers(1, 90), max_size=12), st.integers(1, 300))
def test_boxes_are_wrapped_in_order_and_only_a_single_box_may_be_too_wide(widths: list[int], room: int) -> None:
    rows = wrap_boxes(widths, gap=4, room=room)
    assert [index for row in rows for index, _ in row] == list(range(len(widths)))
    for row in rows:
        index, left = row[-1]
        assert left + widths[index] <= room or len(row) == 1
    for row, following in zip(rows, rows[1:]):
        index, left = row[-1]
        assert left + widths[index] + 4 + widths[following[0][0]] > room, "a row is filled before the next one begins"
