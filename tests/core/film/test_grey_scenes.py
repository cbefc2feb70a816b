"""A scene that is to stay grey takes no colour, asks for no keyframe, lends none, and is certain of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import Film, write_painted_film

from stcolor_core.film.coloring import color_film
from stcolor_core.film.film_keys import find_keys
from stcolor_core.film.key_proposals import propose_keyframes
from stcolor_core.film.plan_files import format_plan, parse_plan
from stcolor_core.film.report import make_report
from stcolor_core.film.scenes import look_at_scenes
from stcolor_core.film.shots import make_shots
from stcolor_core.images import plates


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """The painted film with s002, the only scene of group b, kept grey."""
    film = write_painted_film(tmp_path)
    grey = replace(film.plan.scenes["s002"], grey=True)
    return replace(film, plan=replace(film.plan, scenes={**film.plan.scenes, "s002": grey}))


def test_the_setting_is_written_and_read(film: Film) -> None:
    text = format_plan(film.plan)
    assert text.count("grey: true}") == 1
    assert parse_plan(text).scenes == film.plan.scenes


def test_its_keyframe_is_lent_to_no_scene(film: Film) -> None:
    (film.folder / "keys" / "film.0003.exr").unlink()
    shots = {each.name: each for each in make_shots(film.plan, find_keys(film.plan))}
    assert shots["s001"].shot is None
    assert shots["s002"].shot is not None and not shots["s002"].shot.references


def test_it_is_never_asked_for(film: Film) -> None:
    (film.folder / "keys" / "film.0009.exr").unlink()
    warned: list[str] = []
    make_shots(film.plan, find_keys(film.plan), warn=warned.append)
    assert not warned
    assert make_report(film.plan).groups_without_key == ()
    asked = replace(film.plan, scenes={**film.plan.scenes, "s002": replace(film.plan.scenes["s002"], grey=False)})
    assert make_report(asked).groups_without_key == ("b",)


@pytest.mark.slow
def test_no_frame_of_it_is_proposed(film: Film) -> None:
    for path in (film.folder / "keys").iterdir():
        path.unlink()
    proposals = propose_keyframes(film.plan, look_at_scenes(film.plan), find_keys(film.plan), share=1.0)
    assert proposals and "s002" not in {each.scene for each in proposals}


@pytest.mark.slow
@pytest.mark.parametrize("painted", [True, False])
def test_it_stays_grey_and_is_certain_whatever_lies_beside_it(film: Film, painted: bool) -> None:
    if not painted:
        (film.folder / "keys" / "film.0009.exr").unlink()
    warned: list[str] = []
    results = color_film(
        film.plan,
        device="cpu",
        report=lambda _, event: warned.append(event.message) if "colour: what" in event.message else None,
        warn=warned.append,
    )
    confidences = {each.name: each.confidence for each in results}
    assert confidences["s002"] == pytest.approx(1)
    assert (confidences["s002-s003"] or 0) > 0.8  # its dissolve takes the grey for what it is
    assert confidences["s001"] is not None and confidences["s001"] < 1
    assert not warned
    for frame in film.plan.frames("s002"):
        picture = plates.read_matte_file(film.plan.output_of("s002").path(frame), frame=frame)
        ab = picture.pixels[..., [picture.channels.index(name) for name in ("rc_ab.u", "rc_ab.v")]]
        assert np.abs(ab).max() == 0
