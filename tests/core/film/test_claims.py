"""Runs of two plans never meet on one output, on one machine or on a farm; a film that is complete needs no claim."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from films import Film, write_painted_film

from stcolor_core.cli import main
from stcolor_core.errors import OutputError, OutputInUse
from stcolor_core.farm.film_job import FilmFile
from stcolor_core.film.claims import claimed_output, film_state
from stcolor_core.film.coloring import color_film
from stcolor_core.film.plan_files import load_plan
from stcolor_core.images import plates
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return write_painted_film(tmp_path)


def submit(film: Film) -> str:
    arguments = ["farm", "openjd", "--film", str(film.folder / "film.yaml"), "--output", str(film.folder / "job")]
    assert main([*arguments, "--gpus", "0"]) == 0
    return str(film.folder / "job/film.json")


def tasks_of(job: str, scene: str) -> str:
    """Return the numbers of a scene's tasks, as an engine gives them to a host."""
    return format_frames(number for number, task in enumerate(FilmFile(Path(job)).tasks) if task.shot == scene)


def times(film: Film) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (film.folder / "out").glob("*.exr")}


def test_a_host_of_the_farm_refuses_to_write_while_another_plan_is_coloured(
    film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    job = submit(film)
    other = replace(film.plan, method=replace(film.plan.method, light="off"))
    running = color_film(other, device="cpu")
    assert next(running).name == "s001"
    before = times(film)
    tasks = tasks_of(job, "s001")  # which is finished by the other plan
    assert main(["farm", "span", "--film", job, "--span", tasks, "--device", "cpu"]) == 1
    assert "is being written by" in capsys.readouterr().err
    assert times(film) == before
    running.close()
    assert main(["farm", "span", "--film", job, "--span", tasks, "--device", "cpu"]) == 0
    assert all(times(film)[name] != before[name] for name in before)
    assert not list(film.folder.rglob("*.claim"))


def test_a_run_of_another_plan_waits_for_the_hosts_and_one_of_the_same_plan_joins_them(film: Film) -> None:
    submit(film)
    plan = load_plan(film.folder / "film.yaml")
    output, state = json.loads((film.folder / "job/film.json").read_text())["claim"]
    assert (output, state) == (os.path.abspath(claimed_output(plan)), film_state(plan))  # noqa: PTH100
    with Claim(FramePattern.parse(output), state=state):  # as a host does during a task
        with pytest.raises(OutputInUse):
            list(color_film(replace(plan, stills=2), device="cpu"))
        assert sum(result.written for result in color_film(plan, device="cpu")) == 26


def test_nothing_is_written_twice_if_the_farm_and_a_local_run_share_a_plan(film: Film) -> None:
    job = submit(film)
    running = color_film(load_plan(film.folder / "film.yaml"), device="cpu")
    assert next(running).written == 6
    before = times(film)
    for scene in ("s001", "s002", "s003"):  # the host finds the first one done
        assert main(["farm", "span", "--film", job, "--span", tasks_of(job, scene), "--device", "cpu"]) == 0
    after = times(film)
    assert {name: after[name] for name in before} == before and len(after) == 18
    assert {result.name: (result.written, result.kept) for result in running} == {
        **{"s002": (0, 6), "s003": (0, 6), "s002-s003": (8, 0)}
    }


def test_a_scene_that_a_host_colours_of_other_keys_is_left_to_it_and_told(film: Film) -> None:
    job = submit(film)
    shot_file = json.loads(Path(job).read_text())["shots"]["s002"]
    pattern = FramePattern.parse(shot_file["output"]["path"])
    with Claim(pattern, state="of another keyframe"):
        found = {result.name: result for result in color_film(film.plan, device="cpu")}
    assert list(found) == ["s001", "s003", "s002", "s002-s003"]  # what others write comes last
    trouble = found["s002"].trouble
    assert trouble is not None and "is being written by" in trouble.message
    assert (found["s001"].written, found["s003"].written, found["s002"].written) == (6, 6, 0)
    assert found["s002-s003"].trouble is not None


def test_two_machines_share_a_film_of_one_plan(film: Film, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stcolor_core.cli", "film", "color", str(film.folder / "film.yaml"), "--json"]
    runs = [subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    done = [json.loads(line) for output in outputs for line in output.splitlines()]
    assert sum(each["written"] for each in done) >= 26 and len(done) == 8
    whole = replace(film.plan, output=str(tmp_path / "whole" / "{scene}.####.exr"))
    list(color_film(whole, device="cpu"))
    for path in (tmp_path / "whole").glob("*.exr"):
        ours = plates.read_colored(film.folder / "out" / path.name)
        assert ours.pixels.tobytes() == plates.read_colored(path).pixels.tobytes()
    assert {path.suffix for path in (film.folder / "out").iterdir()} == {".exr"}


def read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the right to write to a folder; the superuser may always write, so that opening fails for it instead."""
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        opened = Path.open

        def refuse(path: Path, mode: str = "r", *arguments: object, **options: object) -> object:
            if path.parent == folder and mode[0] != "r":
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, mode, *arguments, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(Path, "open", refuse)


@pytest.mark.skipif(sys.platform == "win32", reason="rights of folders are others there")
def test_a_complete_film_in_a_folder_that_is_read_only_is_found_complete(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(color_film(film.plan, device="cpu"))
    folder = film.folder / "out"
    read_only(folder, monkeypatch)
    try:
        assert {result.kept for result in color_film(film.plan, device="cpu")} == {6, 8}
        film.paint(9, gain=(1.3, 1, 0.7))
        with pytest.raises(OutputError, match="cannot be written"):
            list(color_film(film.plan, device="cpu"))
    finally:
        folder.chmod(0o755)
