"""Every file that shows colour says how it was made, whichever program wrote it, unless it shall not."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ShotOnDisk
from films import write_film
from movie_clips import ffprobe, needs_ffmpeg
from PIL import Image
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.film.coloring import color_film
from stcolor_core.film.plan_files import load_plan, save_plan
from stcolor_core.images import plates

pytestmark = pytest.mark.slow
TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
KEY = "Iptc4xmpExt:DigitalSourceType"
MakeShot = Callable[..., ShotOnDisk]


def told(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.name: plates.read_header(path).metadata for path in sorted(folder.glob("*.exr"))}


def test_the_frames_of_a_film_tell_the_scenes_that_borrow_and_the_dissolves_too(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(9)
    list(color_film(film.plan, device="cpu"))
    found = told(tmp_path / "out")
    assert len(found) == 26
    assert {metadata[KEY] for metadata in found.values()} == {TYPE}
    assert "film.0003.exr" in found["s003.0024.exr"]["stcolor/inputs"]  # a borrowed keyframe
    save_plan(replace(film.plan, provenance=False), tmp_path / "film.yaml")
    plan = load_plan(tmp_path / "film.yaml")
    assert plan.provenance is False
    assert sum(result.written for result in color_film(plan, device="cpu")) == 26
    silent = told(tmp_path / "out")
    assert not any("RefColorize" in str(value) for metadata in silent.values() for value in metadata.values())


def test_the_frames_of_a_film_job_on_a_farm_tell(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(9)
    save_plan(film.plan, tmp_path / "film.yaml")
    arguments = ["--film", str(tmp_path / "film.yaml"), "--output", str(tmp_path / "job"), "--gpus", "0"]
    assert main(["farm", "openjd", *arguments]) == 0
    assert main(["farm", "span", "--film", str(tmp_path / "job/film.json"), "--span", "0"]) == 0
    found = told(tmp_path / "out")
    assert found and {metadata[KEY] for metadata in found.values()} == {TYPE}


@needs_ffmpeg
def test_movies_reviews_and_contact_sheets_tell_unless_they_shall_not(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot(pan(3, height=64, width=96, step=2), references=(1001,))
    for name, options in (("told", ()), ("silent", ("--no-provenance",))):
        file = str(tmp_path / f"{name}.json")
        movies = [tmp_path / f"{name}.{kind}" for kind in ("mkv", "mov")]
        assert shot.colorize(*options, "--write-shot", file) == 0
        for movie in movies:
            assert main(["colorize", "--shot", file, "--movie", str(movie)]) == 0
        review, sheets = tmp_path / f"{name}_review.mov", [tmp_path / f"{name}_sheet.{kind}" for kind in ("png", "pdf")]
        arguments = ["review", "--shot", file, "--output", str(review), "--contact-sheet", str(sheets[0])]
        assert main(arguments) == 0
        assert main(["review", "--shot", file, "--contact-sheet", str(sheets[1])]) == 0
        comments = [json.dumps(ffprobe(movie)["format"].get("tags", {})) for movie in (*movies, review)]
        texts = [*comments, *(sheet.read_bytes().decode("latin-1") for sheet in sheets)]
        assert [TYPE in text.replace("\0", "") for text in texts] == [not options] * 5
        assert not options or not any("RefColorize" in text.replace("\0", "") for text in texts)
    with Image.open(tmp_path / "told_sheet.png") as picture:
        packet = picture.info["XML:com.adobe.xmp"]
    body = packet.partition("?>")[2].rpartition("<?xpacket")[0]
    (description,) = ElementTree.fromstring(body).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert description.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == TYPE
