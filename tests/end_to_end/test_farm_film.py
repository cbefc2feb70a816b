"""A film is one job on a farm: its groups run at once, its dissolves wait for them, and what is done is left out."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from deadline_keys import read_info, unknown_job_keys
from films import Film, write_painted_film
from openjd.model import create_job, decode_job_template, preprocess_job_parameters

from stcolor_core.cli import main
from stcolor_core.farm.film_job import FilmFile
from stcolor_core.film.coloring import color_film
from stcolor_core.film.plan_files import load_plan, save_plan
from stcolor_core.images import plates
from stcolor_core.images.frame_ranges import parse_frames

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """The made film with a keyframe in either group: s001 and s003 are group a, s002 is group b."""
    return write_painted_film(tmp_path)


def farm(engine: str, film: Film, *options: str) -> int:
    folder = film.folder / engine
    return main(["farm", engine, "--film", str(film.folder / "film.yaml"), "--output", str(folder), *options])


def template(film: Film) -> Any:
    """The job that a scheduler makes of the bundle, which OpenJD's own model has found good."""
    data = yaml.safe_load((film.folder / "openjd/template.yaml").read_text(encoding="utf-8"))
    decoded = decode_job_template(template=data)
    parameters = preprocess_job_parameters(
        job_template=decoded,
        job_parameter_values={},
        job_template_dir=film.folder / "openjd",
        current_working_dir=film.folder,
    )
    return create_job(job_template=decoded, job_parameter_values=parameters)


def tasks_of(film: Film, engine: str = "openjd") -> dict[str, int]:
    """Return scene or dissolve -> the number of frames that the job colours."""
    counts: dict[str, int] = {}
    for task in FilmFile(film.folder / engine / "film.json").tasks:
        counts[task.shot] = counts.get(task.shot, 0) + len(task.frames)
    return counts


def pixels(film: Film) -> dict[str, np.ndarray]:
    return {path.name: plates.read_colored(path).pixels for path in sorted((film.folder / "out").glob("*.exr"))}


def test_openjd_runs_the_film_to_the_frames_of_a_local_run(film: Film) -> None:
    list(color_film(film.plan, device="cpu"))
    local = pixels(film)
    for path in (film.folder / "out").iterdir():
        path.unlink()
    assert farm("openjd", film, "--gpus", "0") == 0
    after = {step.name: [each.dependsOn for each in step.dependencies or []] for step in template(film).steps}
    assert after == {
        "Check": [],
        "Group_a": ["Check"],
        "Group_b": ["Check"],
        "Dissolves": ["Group_b", "Group_a"],
        "Verify": ["Group_a", "Group_b", "Dissolves"],
    }
    command = ["run", str(film.folder / "openjd/template.yaml"), "--step", "Verify", "--run-dependencies"]
    done = subprocess.run([sys.executable, "-m", "openjd", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "All 26 frames of 4 scenes and dissolves are there and up to date." in done.stdout
    assert {name: values.tobytes() for name, values in pixels(film).items()} == {
        name: values.tobytes() for name, values in local.items()
    }
    assert all(result.written == 0 for result in color_film(load_plan(film.folder / "film.yaml"), device="cpu"))


def test_a_repainted_keyframe_submits_only_what_it_reaches(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    list(color_film(film.plan, device="cpu"))
    assert farm("openjd", film, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["tasks"], printed["engine"], printed["path"]) == (0, "openjd", "")
    assert "up to date" in printed["message"] and not (film.folder / "openjd").exists()
    film.paint(9, gain=(1.3, 1, 0.7))
    (film.folder / "out/s001.0002.exr").unlink()
    assert farm("openjd", film, "--gpus", "0") == 0
    assert "15 frames of 3 scenes" in capsys.readouterr().out
    assert tasks_of(film) == {"s001": 1, "s002": 6, "s002-s003": 8}
    assert [step.name for step in template(film).steps] == ["Check", "Group_a", "Group_b", "Dissolves", "Verify"]
    numbers = {step.name: step.parameterSpace for step in template(film).steps}
    spans = {
        name: str(each.taskParameterDefinitions["Span"].range) for name, each in numbers.items() if each is not None
    }
    assert spans == {"Group_a": "0", "Group_b": "1,2", "Dissolves": "3"}
    after = {step.name: [each.dependsOn for each in step.dependencies or []] for step in template(film).steps}
    assert after["Dissolves"] == ["Group_b"]  # s003 of group a is done


def test_deadline_gets_a_batch_whose_dissolves_wait_for_their_groups(film: Film) -> None:
    assert farm("deadline", film, "--group", "gpu", "--pool", "film") == 0
    folder = film.folder / "deadline"
    names = ["1_check", "2_Group_a", "3_Group_b", "4_Dissolves", "5_verify"]
    assert sorted(path.stem for path in folder.glob("*.job_info")) == names
    for name in names:
        info, plugin = (read_info((folder / f"{name}.{kind}_info").read_text()) for kind in ("job", "plugin"))
        assert unknown_job_keys(info) == []
        assert (info["BatchName"], info["Group"], info["Pool"]) == ("RefColorize film", "gpu", "film")
        for number in parse_frames(info["Frames"]):
            text = plugin["Arguments"].replace("<STARTFRAME>", str(number)).replace("<ENDFRAME>", str(number))
            assert main(shlex.split(text)) == 0
    assert len(list((film.folder / "out").glob("*.exr"))) == 26


def test_deadline_is_told_the_ids_of_all_jobs_that_one_waits_for(film: Film) -> None:
    from stcolor_core.farm.deadline import QueueOptions, make_film_jobs
    from stcolor_core.farm.film_job import FilmJob, plan_film

    shots, steps, inputs = plan_film(film.plan)
    job = FilmJob(name="film", inputs=inputs, stcolor="stcolor", shots=shots, steps=steps)
    parts = {part.name: part for part in make_film_jobs(job, film.folder, QueueOptions())}
    assert parts["4_Dissolves"].after == ("3_Group_b", "2_Group_a")
    assert parts["5_verify"].after == ("2_Group_a", "3_Group_b", "4_Dissolves")
    text = parts["4_Dissolves"].texts(["1f", "2e"])["4_Dissolves.job_info"]
    assert read_info(text)["JobDependencies"] == "1f,2e"


def test_opencue_gets_a_layer_for_each_step(film: Film) -> None:
    pytest.importorskip("outline")
    assert farm("opencue", film, "--gpus", "0") == 0
    root = ElementTree.fromstring((film.folder / "opencue/job.xml").read_text(encoding="utf-8"))
    assert [layer.get("name") for layer in root.iter("layer")] == ["check", "Group_a", "Group_b", "Dissolves", "verify"]
    waits = {(each.findtext("deplayer"), each.findtext("onlayer")) for each in root.iter("depend")}
    assert waits == {
        *(("Group_a", "check"), ("Group_b", "check")),
        *(("Dissolves", "Group_a"), ("Dissolves", "Group_b")),
        *(("verify", "Group_a"), ("verify", "Group_b"), ("verify", "Dissolves")),
    }


def test_a_host_counts_a_single_scene(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    plan = replace(film.plan, scenes={"s001": replace(film.plan.scenes["s001"], frames="3")}, dissolves={})
    save_plan(plan, film.folder / "film.yaml")
    assert farm("openjd", film, "--gpus", "0") == 0
    file = str(film.folder / "openjd/film.json")
    capsys.readouterr()
    assert main(["farm", "check", "--film", file]) == 0
    assert capsys.readouterr().out == "The film can be coloured: 1 scene or dissolve, 1 task.\n"
    list(color_film(plan, device="cpu"))
    assert main(["farm", "verify", "--film", file]) == 0
    assert "The only frame of 1 scene or dissolve is there and up to date." in capsys.readouterr().out


def test_a_host_tells_what_is_wrong_with_a_film(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("openjd", film, "--max-span", "2") == 0
    file = str(film.folder / "openjd/film.json")
    assert max(len(task.frames) for task in FilmFile(Path(file)).tasks if task.shot != "s002-s003") == 2
    (film.folder / "keys/film.0009.exr").write_bytes(b"broken")
    capsys.readouterr()
    for arguments, code, words in (
        (["check", "--film", file], 1, "film.0009.exr"),
        (["span", "--film", file, "--span", "99"], 2, "not 99"),
        (["span", "--film", file, "--only", "1"], 2, "--span"),
        (["verify", "--film", file, "--report", "r.json"], 2, "--report"),
        (["check", "--film", str(film.folder / "film.yaml")], 2, "film.yaml cannot be read"),
    ):
        assert main(["farm", *arguments]) == code
        assert words in capsys.readouterr().err


def test_a_damaged_keyframe_leaves_its_scenes_out_of_the_job_which_tells_them(
    film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    key = film.folder / "keys/film.0009.exr"
    whole = key.read_bytes()
    key.write_bytes(whole[:400])
    assert farm("openjd", film, "--gpus", "0") == 0
    assert tasks_of(film) == {"s001": 6, "s003": 6}
    told = capsys.readouterr().err
    assert told.count("film.0009.exr) cannot be read") == 1 and "s002-s003 is not finished" in told
    list(color_film(film.plan, device="cpu"))
    assert farm("openjd", film, "--gpus", "0") == 1  # nothing that is left can be coloured
    assert "film.0009.exr" in capsys.readouterr().err
    key.write_bytes(whole)
    assert farm("openjd", film, "--gpus", "0") == 0
    assert tasks_of(film) == {"s002": 6, "s002-s003": 8}


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--nuke-script", "a.nk"], "--nuke-script"), (["--write", "Write1"], "--write"), (["--max-span", "0"], "span")],
)
def test_what_a_film_cannot_take_is_refused_before_anything_is_written(
    options: list[str], words: str, film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    assert farm("openjd", film, *options) == 2
    assert words in capsys.readouterr().err
    assert not (film.folder / "openjd").exists()
