"""The examples of docs/film.md run as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from stcolor_core.cli import main
from stcolor_core.film.plan_files import parse_plan
from stcolor_core.film.shot_list import read_shot_list
from stcolor_core.images.frame_files import write_frame

PAGE = Path(__file__).parents[3] / "docs" / "film.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def example(start: str) -> str:
    (text,) = (each for each in EXAMPLES if each.startswith(start))
    return text


def write_plate(folder: str, frames: range) -> None:
    plane = np.random.default_rng(1).uniform(0.1, 0.8, (64, 96)).astype(np.float32)
    for frame in frames:
        write_frame(Path(folder) / f"reel1.{frame:04d}.exr", dict.fromkeys("RGB", (plane, "half")))


def test_every_example_is_tried_here() -> None:
    assert [text.split()[0] for text in EXAMPLES] == ["-", "version:"]


def test_the_list_of_shots_is_read(tmp_path: Path) -> None:
    (tmp_path / "shots.yaml").write_text(example("- "), encoding="utf-8")
    shots = read_shot_list(tmp_path / "shots.yaml")
    assert [shot.name for shot in shots] == ["sh010", "sh020", None]


@pytest.mark.slow
def test_the_plan_is_coloured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("film.yaml").write_text(example("version"), encoding="utf-8")
    plan = parse_plan(example("version"))
    write_plate("plates", range(1, 91))
    write_plate("keys", range(24, 25))
    write_plate("keys", range(70, 71))
    assert main(["film", "shots", "film.yaml", "--output", "shots"]) == 0, capsys.readouterr().err
    assert {path.stem for path in Path("shots").iterdir()} == {*plan.scenes, *plan.dissolves}
    assert main(["film", "color", "film.yaml", "--scene", "s002", "--device", "cpu"]) == 0, capsys.readouterr().err
    assert len(list(Path("out").glob("s002.*.exr"))) == len(plan.frames("s002"))
