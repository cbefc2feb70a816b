"""Clean up removes unused files, after it has shown their size and asked."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    return make_comp(nuke, tmp_path / "show")


@pytest.fixture
def cleaning(comp: Comp) -> Any:
    import refcolorize.node.cleaning

    return refcolorize.node.cleaning


@pytest.fixture
def four(comp: Comp) -> Comp:
    """v001 to v004 of six frames, each from a rendered ref of its own; v002 is shown."""
    from refcolorize.node import node_results, own_folder

    own_folder.take(comp.node)
    for number in range(1, 5):
        make_version(comp, number)
    node_results.use_version(comp.node, 2)
    comp.nuke.scriptSave()
    return comp


def write_frame(path: Path) -> None:
    """Write 1000 bytes that have the header of a frame of the core, which names the file's time of change."""
    written = 10**18
    value = str(written).encode()
    attribute = b"stcolor/written\0string\0" + struct.pack("<i", len(value)) + value
    path.write_bytes((b"\x76\x2f\x31\x01" + struct.pack("<I", 2) + attribute).ljust(1000, b"\0"))
    os.utime(path, ns=(written, written))


def make_version(comp: Comp, number: int, *, frames: int = 6) -> Path:
    folder = comp.results / f"v{number:03d}"
    folder.mkdir(parents=True)
    path = folder / f"RefColorize1_v{number:03d}.####.exr"
    for frame in range(1001, 1001 + frames):
        write_frame(Path(str(path).replace("####", str(frame))))
    ref = comp.results / "inputs" / f"ref_{number:012x}"
    ref.mkdir(parents=True)
    (ref / "ref.1001.exr").write_bytes(bytes(1000))
    shot = {
        "references": [{"path": (ref / "ref.####.exr").as_posix()}],
        "output": {"path": path.as_posix(), "frames": "1001-1006"},
    }
    (folder / "shot.json").write_text(json.dumps(shot))
    return folder


def names(removal: Any) -> tuple[list[str], list[str]]:
    return [path.name for path in removal.versions], [path.name[-1] for path in removal.inputs]


def test_the_shown_and_the_newest_version_are_kept_with_their_inputs(four: Comp, cleaning: Any) -> None:
    found = cleaning.plan(four.node)
    assert names(found) == (["v001", "v003"], ["1", "3"])
    shots = sum((four.results / name / "shot.json").stat().st_size for name in ("v001", "v003"))
    assert found.size == 14 * 1000 + shots
    cleaning.remove(found)
    assert sorted(path.name for path in four.results.glob("v*")) == ["v002", "v004"]
    assert sorted(path.name[-1] for path in (four.results / "inputs").iterdir()) == ["2", "4"]
    assert names(cleaning.plan(four.node)) == ([], [])


def other_node(comp: Comp) -> None:
    from refcolorize.node import nodes

    other = nodes.create()
    other["result_file"].setValue((comp.results / "v001" / "RefColorize1_v001.####.exr").as_posix())


def in_a_script(comp: Comp, name: str) -> None:
    (comp.folder / name).write_text("Read {\n file /elsewhere/RefColorize1_v001.%04d.exr\n}\n")


def as_it_is_saved(comp: Comp) -> None:
    """The script on disk shows v001; the open one does so no longer, and may be closed without being saved."""
    from refcolorize.node import node_results

    node_results.use_version(comp.node, 1)
    comp.nuke.scriptSave()
    node_results.use_version(comp.node, 2)


def at_the_end_of_a_large_script(comp: Comp) -> None:
    """A script of more than 200 MB, as rotoscopes and camera solves make them."""
    with (comp.folder / "roto.nk").open("wb") as script:
        script.seek(201 * 2**20)
        script.write(b"\nRead {\n file /elsewhere/RefColorize1_v001.%04d.exr\n}\n")


def unfinished_on_a_farm(comp: Comp) -> None:
    (comp.results / "v001" / "deadline").mkdir()
    (comp.results / "v001" / "RefColorize1_v001.1003.exr").unlink()


def skipping(comp: Comp, plates: list[int]) -> None:
    """Have v001 of a farm lack frame 1003, and its shot skip frames that the plate lacks."""
    unfinished_on_a_farm(comp)
    folder = comp.folder / "scan"
    folder.mkdir()
    for frame in plates:
        (folder / f"scan.{frame}.exr").touch()
    file = comp.results / "v001" / "shot.json"
    shot = json.loads(file.read_text())
    shot["plate"] = {"path": (folder / "scan.####.exr").as_posix(), "frames": "1001-1006", "missing": "skip"}
    file.write_text(json.dumps(shot))


@pytest.mark.parametrize(
    ("plates", "is_removed"),
    [([1001, 1002, 1004, 1005, 1006], True), ([1001, 1002, 1003, 1004, 1005, 1006], False), ([], False)],
    ids=["the plate lacks the frame", "the frame is still to come", "the plate is out of reach"],
)
def test_a_version_of_a_farm_that_skipped_frames_is_finished(
    four: Comp, cleaning: Any, plates: list[int], is_removed: bool
) -> None:
    skipping(four, plates)
    assert ("v001" in names(cleaning.plan(four.node))[0]) == is_removed


REFERENCES: dict[str, Callable[[Comp], object]] = {
    "another node shows it": other_node,
    "a Read reads it": lambda comp: comp.nuke.nodes.Read(
        file=(comp.results / "v001" / "RefColorize1_v001.####.exr").as_posix()
    ),
    "a script beside this one shows it": lambda comp: in_a_script(comp, "comp_v002.nk"),
    "the script shows it as it is saved": as_it_is_saved,
    "an autosave shows it": lambda comp: in_a_script(comp, "comp_v002.nk.autosave"),
    "a large script shows it": at_the_end_of_a_large_script,
    "a run is at it": lambda comp: (comp.results / "v001" / ".RefColorize1_v001.1a2b.claim").touch(),
    "the artist's own file lies there": lambda comp: (comp.results / "v001" / "notes.txt").touch(),
    "a farm is at it": unfinished_on_a_farm,
}


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_version_that_is_referred_to_is_kept_with_its_input(four: Comp, cleaning: Any, reference: str) -> None:
    REFERENCES[reference](four)
    assert names(cleaning.plan(four.node)) == (["v003"], ["3"])


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_all_inputs_are_kept_while_a_job_runs(nuke: Any, nuke_session: Any, tmp_path: Path) -> None:
    from refcolorize.jobs import render
    from refcolorize.node import cleaning

    comp = make_comp(nuke, tmp_path / "show", frames=60, keys=(1001, 1060), step=1)
    (comp.results / "inputs" / "ref_0123456789ab").mkdir(parents=True)
    running = render.colorize(comp.node)
    nuke_session.main_thread.pump(until=lambda: running.state == "running" and comp.frames("v001"))
    assert names(cleaning.plan(comp.node)) == ([], [])
    render.cancel(comp.node)
    nuke_session.main_thread.pump(until=lambda: running.wait(0))
    assert names(cleaning.plan(comp.node)) == ([], ["b"])


def test_a_finished_farm_job_keeps_nothing(four: Comp, cleaning: Any) -> None:
    (four.results / "v001" / "deadline").mkdir()
    assert names(cleaning.plan(four.node))[0] == ["v001", "v003"]


def test_a_file_that_is_linked_elsewhere_frees_nothing(four: Comp, cleaning: Any) -> None:
    before = cleaning.plan(four.node).size
    frame = four.results / "v002" / "RefColorize1_v002.1001.exr"
    frame.unlink()
    os.link(four.results / "v001" / "RefColorize1_v001.1001.exr", frame)
    assert cleaning.plan(four.node).size == before - 1000


def test_files_of_others_are_kept(four: Comp, cleaning: Any) -> None:
    for name in ("paint", "ref_mine"):
        (four.results / "inputs" / name).mkdir()
    (four.results / "v12").mkdir()
    cleaning.remove(cleaning.plan(four.node))
    assert (four.results / "inputs" / "paint").is_dir()
    assert (four.results / "inputs" / "ref_mine").is_dir()
    assert (four.results / "v12").is_dir()


@pytest.mark.gui
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_clean_up_states_how_much_it_frees_and_asks(four: Comp, nuke_session: Any, answer: str) -> None:
    nuke_session.artist.answers.append(answer)
    four.node["clean_up"].execute()
    (question,) = nuke_session.artist.questions
    assert "versions v001, v003 and 2 rendered inputs, 0.0 MB" in question
    assert "Scripts in other folders are not searched" in question
    assert (four.results / "v001").exists() == (answer == "no")
    assert ("Removed" in four.node["status"].value()) == (answer == "yes")


def comment(comp: Comp, number: int, text: str) -> None:
    from refcolorize.node import node_results

    node_results.comment_version(comp.node, number, text)


@pytest.mark.gui
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_a_version_with_a_comment_is_kept_unless_the_artist_gives_it_up(
    four: Comp, cleaning: Any, nuke_session: Any, answer: str
) -> None:
    comment(four, 1, "APPROVED by client")
    assert names(cleaning.plan(four.node)) == (["v003"], ["3"])
    nuke_session.artist.answers.extend([answer, "yes"])
    four.node["clean_up"].execute()
    about, last = nuke_session.artist.questions
    assert 'v001 ("APPROVED by client") is not used, but has a comment' in about
    assert ("v001, v003" in last) == (answer == "yes")
    assert not (four.results / "v003").exists()
    assert (four.results / "v001").exists() == (answer == "no")
    assert (four.results / "inputs" / f"ref_{1:012x}").exists() == (answer == "no")


@pytest.mark.gui
def test_nothing_is_removed_if_all_that_is_left_has_comments(four: Comp, nuke_session: Any) -> None:
    for number in (1, 3):
        comment(four, number, "keep")
        (four.results / "inputs" / f"ref_{number:012x}" / "ref.1001.exr").unlink()
    nuke_session.artist.answers.append("no")
    four.node["clean_up"].execute()
    assert len(nuke_session.artist.questions) == 1
    assert four.status == "Nothing was removed."


def test_in_a_terminal_a_version_with_a_comment_is_named(
    four: Comp, cleaning: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    comment(four, 1, "APPROVED")
    cleaning.clean_up(four.node)
    out = capsys.readouterr().out
    assert "version v003 and 1 rendered input" in out
    assert 'Not among them: v001 ("APPROVED"), has a comment' in out


OWN_WORK: dict[str, Callable[[Path], object]] = {
    "painted over": lambda frame: os.utime(frame),  # with the header that it had
    "written by another program": lambda frame: frame.write_bytes(b"a picture"),
    "locked": lambda frame: frame.chmod(0o444),
}


@pytest.mark.gui
@pytest.mark.parametrize("answer", ["yes", "no"])
@pytest.mark.parametrize("work", OWN_WORK)
def test_a_version_with_frames_that_were_worked_on_is_kept_unless_the_artist_gives_it_up(
    four: Comp, cleaning: Any, nuke_session: Any, work: str, answer: str
) -> None:
    for frame in (1003, 1006):
        OWN_WORK[work](four.results / "v001" / f"RefColorize1_v001.{frame}.exr")
    assert names(cleaning.plan(four.node)) == (["v003"], ["3"])
    nuke_session.artist.answers.extend([answer, "yes"])
    four.node["clean_up"].execute()
    about, last = nuke_session.artist.questions
    assert "v001 (frames 1003, 1006) is not used, but has frames that were changed after they were written" in about
    assert ("v001, v003" in last) == (answer == "yes")
    assert (four.results / "v001").exists() == (answer == "no")


@pytest.mark.gui
def test_a_question_gives_all_reasons_to_keep_a_version(four: Comp, nuke_session: Any) -> None:
    comment(four, 1, "APPROVED")
    (four.results / "v001" / "RefColorize1_v001.1003.exr").chmod(0o444)
    nuke_session.artist.answers.extend(["no", "no"])
    four.node["clean_up"].execute()
    expected = 'v001 ("APPROVED", frame 1003) is not used, but has a comment, and has frames that were changed'
    assert expected in nuke_session.artist.questions[0]


OWN_PICTURES: dict[str, Callable[[Path], object]] = {
    "for another keyframe": lambda folder: (folder / "ref.1006.exr").write_bytes(b"painted"),
    "in place of one": lambda folder: (folder / "ref.1004.exr").write_bytes(b"painted"),
    "locked": lambda folder: (folder / "ref.1001.exr").chmod(0o444),
}


@pytest.mark.parametrize("painted", OWN_PICTURES)
def test_rendered_inputs_that_somebody_put_a_picture_into_are_kept(comp: Comp, cleaning: Any, painted: str) -> None:
    from refcolorize.node import rendered_inputs

    inputs = comp.results / "inputs"
    mine, other = (
        Path(rendered_inputs.render_input(comp.ref, frames, inputs, name="ref")).parent
        for frames in ([1001, 1004], [1001])
    )
    for path in inputs.rglob("*.*"):
        os.utime(path, ns=(10**18, 10**18))
    OWN_PICTURES[painted](mine)
    (mine / "Thumbs.db").touch()
    expected = [other] if painted != "locked" else []  # both folders have that file
    assert list(cleaning.plan(comp.node).inputs) == expected


@pytest.mark.gui
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_versions_that_nobody_noted_the_maker_of_are_asked_about(
    four: Comp, cleaning: Any, nuke_session: Any, answer: str
) -> None:
    (four.results / "owner.json").unlink()
    assert [version.name for version in node_versions(four.node)] == ["v001", "v002", "v003", "v004"], "still usable"
    assert names(cleaning.plan(four.node)) == ([], [])
    nuke_session.artist.answers.extend([answer, "yes"])
    four.node["clean_up"].execute()
    assert "v001, v003 is not used, but was made before RefColorize noted" in nuke_session.artist.questions[0]
    assert (four.results / "v001").exists() == (answer == "no")


def node_versions(node: Any) -> Any:
    from refcolorize.node import node_results

    return node_results.versions(node)


@pytest.mark.gui
def test_nothing_to_clean_up_is_reported(comp: Comp, nuke_session: Any) -> None:
    comp.node["clean_up"].execute()
    assert nuke_session.artist.questions == []
    assert "nothing to clean up" in nuke_session.artist.messages[0]


def test_clean_up_in_a_terminal_only_counts(four: Comp, cleaning: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cleaning.clean_up(four.node)
    assert "versions v001, v003 and 2 rendered inputs" in capsys.readouterr().out
    assert (four.results / "v001").is_dir()


def test_a_folder_that_cannot_be_removed_is_named(four: Comp, cleaning: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from refcolorize.errors import RefColorizeError

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(RefColorizeError, match=r"v001 cannot be removed \(Permission denied\)\. Close"):
        cleaning.remove(cleaning.plan(four.node))


def test_nothing_is_removed_while_a_script_beside_this_one_cannot_be_read(
    four: Comp, cleaning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.errors import RefColorizeError

    in_a_script(four, "comp_v002.nk")
    opened = Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "comp_v002.nk":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RefColorizeError, match=r"comp_v002\.nk cannot be read \(Permission denied\).*Make it readable"):
        cleaning.plan(four.node)


@pytest.mark.parametrize("enters", [True, False], ids=["the search enters LiveGroups", "it does not"])
def test_a_version_that_a_read_in_a_live_group_uses_is_kept(
    nuke_session: Any, four: Comp, cleaning: Any, enters: bool
) -> None:
    nuke_session.disputed.recursion_enters_live_groups = enters
    with four.nuke.nodes.LiveGroup(name="Precomp"):
        four.nuke.nodes.Read(file=(four.results / "v003" / "RefColorize1_v003.####.exr").as_posix())
    assert [path.name for path in cleaning.plan(four.node).versions] == ["v001"]


def test_what_a_killed_nuke_has_left_of_a_render_is_removed_after_a_day(four: Comp, cleaning: Any) -> None:
    for name in (".ref.0.partial", ".plate.3.partial"):
        (four.results / "inputs" / name).mkdir()
        (four.results / "inputs" / name / "ref.1001.exr").write_bytes(bytes(1000))
    os.utime(four.results / "inputs" / ".ref.0.partial", (0, 0))
    removal = cleaning.plan(four.node)
    assert [path.name for path in removal.inputs if path.name.endswith(".partial")] == [".ref.0.partial"]
