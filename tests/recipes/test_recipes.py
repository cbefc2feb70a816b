"""Each recipe of docs/develop/recipes.md is run unchanged."""

from __future__ import annotations

import ast
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp
from nkscript import Node, parse
from recipes import apply, blocks, run_tests
from small_shot import write_shot

from stcolor_core.cli import command_line
from stcolor_core.images import plates
from stcolor_core.models import registry

PROJECT = Path(__file__).parents[2]
KNOBS_ROW = "tests/nuke/test_gizmo.py: KNOBS"
RECIPES = {
    "Add a model": ["stcolor_core/method/features/toy.py", "stcolor_core/models/registry.py"],
    "Add a tracker": [
        "stcolor_core/method/tracking/pan.py",
        "stcolor_core/models/registry.py: imports",
        "stcolor_core/models/registry.py",
    ],
    "Add a farm engine": [
        "stcolor_core/farm/spool.py",
        "stcolor_core/cli/farm.py",
        "nuke_plugin/refcolorize/core/engines.py",
    ],
    "Add a knob to the node": ["gizmos/RefColorize.gizmo", "nuke_plugin/refcolorize/node/shots.py", KNOBS_ROW],
}
Install = Callable[..., Any]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_page_has_the_recipe_and_its_python_is_valid(recipe: str) -> None:
    code = blocks(recipe)
    assert code.keys() >= set(RECIPES[recipe])
    for title, text in code.items():
        if title.endswith((".py", ": imports")):
            ast.parse(text, title)
        assert max(map(len, text.splitlines())) <= 120 or title.endswith(".gizmo"), title


@pytest.mark.parametrize("recipe", RECIPES)
def test_who_follows_a_recipe_passes_the_checks_of_ci(recipe: str, tmp_path: Path) -> None:
    for name in ("pyproject.toml", ".ci/docstrings.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    files = apply(blocks(recipe), tmp_path)
    sources = [file for file in files if not file.startswith("tests/")]
    our_own = f"src = {json.dumps(['.', str(PROJECT)])}"  # how ruff knows which imports are the project's own
    checks = (
        ["-m", "ruff", "check", "--no-cache", "--config", our_own, *files],
        ["-m", "ruff", "format", "--no-cache", "--check", *files],
        [".ci/docstrings.py", *sources],
    )
    for check in checks:
        run = subprocess.run([sys.executable, *check], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("recipe", "test"),
    [
        ("Add a model", "tests/core/method/features/test_toy.py"),
        ("Add a tracker", "tests/core/method/tracking/test_pan.py"),
    ],
)
def test_a_recipe_of_the_method_passes_its_own_tests(recipe: str, test: str, install: Install) -> None:
    code = blocks(recipe)
    for title in RECIPES[recipe]:
        install(title, code[title])
    name = {"Add a model": "toy", "Add a tracker": "panning"}[recipe]
    assert name in [model.name for model in registry.list_models() if model.present]
    assert len(registry.digest(name)) == 16
    assert run_tests(install(test, code[test])) == 2


def test_a_recipe_leaves_nothing_behind() -> None:
    assert list(registry.ENTRIES) == [
        *("standard", "keyframe_cleaning", "exemplar", "maskrcnn_resnet50_fpn_v2", "raft_small", "raft_large"),
        *("deepremaster", "lpips", "fid"),
    ]


def test_the_toy_engine_colours_a_shot_as_a_local_run_does(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = blocks("Add a farm engine")
    install("stcolor_core/farm/spool.py", code["stcolor_core/farm/spool.py"])
    install("stcolor_core/cli/farm.py", code["stcolor_core/cli/farm.py"])
    shot = write_shot(tmp_path, frames=4, keys=(1001,))
    (tmp_path / "shot.json").write_text(shot.to_json(), encoding="utf-8")
    job = ["farm", "spool", "--shot", str(tmp_path / "shot.json"), "--output", str(tmp_path / "job"), "--max-span", "2"]
    assert command_line.main([*job, "--stcolor", "stcolor"]) == 0
    assert "holds the job: 2 tasks" in capsys.readouterr().out
    lines = (tmp_path / "job" / "commands.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4  # check, two tasks, verify
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "stcolor"
        assert command_line.main(arguments) == 0
    frames = {path.name: plates.read(path).pixels for path in (tmp_path / "out").glob("shot.*.exr")}
    local = ["--shot", str(tmp_path / "shot.json"), "--output", str(tmp_path / "local" / "shot.####.exr")]
    assert command_line.main(["colorize", *local]) == 0
    assert sorted(frames) == [f"shot.{frame}.exr" for frame in range(1001, 1005)]
    for name, pixels in frames.items():
        assert (plates.read(tmp_path / "local" / name).pixels == pixels).all()


def test_nuke_offers_the_toy_engine(install: Install, nuke: Any, tmp_path: Path) -> None:
    nuke.pluginAddPath((PROJECT / "nuke_plugin").as_posix())
    title = "nuke_plugin/refcolorize/core/engines.py"
    install(title, blocks("Add a farm engine")[title])
    from refcolorize.jobs import farm

    wanted = farm.SubmitOptions(engine="spool")
    farm.check(wanted)
    shot = tmp_path / "v001" / "shot.json"
    command = farm.build_arguments(wanted, shot=shot, name="sh010", script=tmp_path / "comp.nk", writes=())
    assert command[:2] == ["farm", "spool"]
    assert f"--output={shot.parent / 'spool'}" in command
    assert "--submit" not in command


@pytest.fixture
def gizmo() -> str:
    """Return the gizmo with the recipe's lines added below working_height."""
    text = (PROJECT / "gizmos" / "RefColorize.gizmo").read_text(encoding="utf-8")
    added = blocks("Add a knob to the node")["gizmos/RefColorize.gizmo"]
    before, line, after = text.partition(" working_height 432\n")
    assert line and not after.startswith(added)
    return before + line + added + after


def test_the_gizmo_has_the_knob(gizmo: str) -> None:
    (group,) = [step for step in parse(gizmo) if isinstance(step, Node)]
    names = [knob.name for knob in group.user_knobs]
    assert names.index("matching_height") == names.index("working_height") + 1
    (knob,) = [knob for knob in group.user_knobs if knob.name == "matching_height"]
    row = blocks("Add a knob to the node")[KNOBS_ROW]
    assert ast.literal_eval("{" + row + "}") == {"matching_height": (knob.number, knob.default)}
    assert len(knob.tooltip) > 15


def test_the_knob_reaches_the_shot(
    install: Install, gizmo: str, nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    comp: Comp = make_comp(nuke, tmp_path)
    (tmp_path / "gizmos").mkdir()
    (tmp_path / "gizmos" / "RefColorize.gizmo").write_text(gizmo, encoding="utf-8")
    nuke.pluginAddPath((tmp_path / "gizmos").as_posix())
    code = blocks("Add a knob to the node")
    shots = install("nuke_plugin/refcolorize/node/shots.py", code["nuke_plugin/refcolorize/node/shots.py"])
    earlier = comp.node
    assert "matching_height" not in shots.build(earlier).shot["method"]

    from refcolorize.node import keyframes, nodes

    comp.node = nodes.create()
    for index in (0, 1):
        comp.node.setInput(index, earlier.input(index))
    keyframes.add_key(comp.node, 1001)
    test = install("tests/nuke/node/test_shots.py", code["tests/nuke/node/test_shots.py"])
    assert run_tests(test, comp=comp, shots=shots) == 1
