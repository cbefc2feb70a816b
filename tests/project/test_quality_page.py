"""docs/quality.md holds the figures of docs/quality.json, which docs/make_quality.py measures."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scenes import two_clips

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_quality", PROJECT / "docs" / "make_quality.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_quality"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(script: ModuleType) -> dict:
    return json.loads(script.DATA.read_text(encoding="utf-8"))


def test_the_page_holds_the_figures_of_the_data(script: ModuleType, data: dict) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.render(page, data) == page, "run: PYTHONPATH=. .venv/bin/python docs/make_quality.py --render"


def test_another_figure_in_the_data_is_another_page(script: ModuleType, data: dict) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    for change in (
        lambda other: other["runs"]["tenth"]["standard"]["means"].update(full=12.34),
        lambda other: other["runs"]["tenth"]["grey"]["means"].update(cdc=0.5),
        lambda other: other["runs"]["tenth"]["realigned"]["full"].update(dog=12.34),
        lambda other: other["runs"]["old-film"]["standard"]["means"].update(flicker=12.34),
        lambda other: other["runs"]["first+last"]["chained"]["means"].update(outer=12.34),
        lambda other: other["losses"]["tenth"].update(dog=[12.34] * 14),
        lambda other: other["losses"]["first+last"].update(dog=[12.34] * 14),
        lambda other: other["runs"]["first"]["standard"]["means"].update(full=12.34),
    ):
        other = copy.deepcopy(data)
        change(other)
        assert script.render(page, other) != page


def test_a_block_that_is_missing_is_named(script: ModuleType, data: dict) -> None:
    with pytest.raises(SystemExit, match="situations"):
        script.render("# No tables\n", data)


def test_every_run_is_in_the_data_with_every_variant(script: ModuleType, data: dict) -> None:
    assert {name: tuple(rows) for name, rows in data["runs"].items()} == {
        name: run.variants for name, run in script.RUNS.items()
    }
    clips = set(data["made"]["clips"])
    assert all(set(row["full"]) == clips for rows in data["runs"].values() for row in rows.values())
    assert {protocol: set(rows) for protocol, rows in data["losses"].items()} == dict.fromkeys(script.LOSSES, clips)
    assert set(data["made"]["code"]) == {*script.RUNS, "losses"}


def test_the_pictures_of_the_page_are_there(script: ModuleType) -> None:
    assert (script.PICTURES / "quality-outliers.svg").is_file()
    assert (script.PICTURES / "quality-reliability.svg").is_file()


@pytest.mark.slow
def test_one_command_measures_and_takes_up_what_was_stopped(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    clips = two_clips(tmp_path / "set", frames=12)
    monkeypatch.setattr(script, "DATA", tmp_path / "quality.json")
    monkeypatch.setattr(script, "PAGE", tmp_path / "quality.md")
    monkeypatch.setattr(script, "PICTURES", tmp_path / "pictures")
    few = {name: run._replace(lines=32, variants=(*run.variants[:1], "standard")) for name, run in script.RUNS.items()}
    tenth = few["tenth"]._replace(variants=("grey", "chained", "realigned", "standard:rule", "standard"))
    monkeypatch.setattr(script, "RUNS", few | {"tenth": tenth})
    blocks = "".join(f"<!-- quality: {name} -->\n<!-- end -->\n" for name in ("made", "tenth", "clips", "more", "two"))
    more = ("situations", "losses", "asked", "causes")
    blocks += "".join(f"<!-- quality: {name} -->\n<!-- end -->\n" for name in more)
    script.PAGE.write_text(blocks)
    command = ["make_quality.py", "--dataset", str(clips), "--output", str(tmp_path / "kept")]
    monkeypatch.setattr(sys, "argv", command)
    script.main()
    first = script.DATA.read_bytes()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*/measurements/*.json")}
    assert len(before) == 2 * (5 + 5 * 2)
    torch.set_num_threads(1)
    script.main()
    assert script.DATA.read_bytes() == first
    assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing was measured twice"
    assert "slow" in script.PAGE.read_text()
