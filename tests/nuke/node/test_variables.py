"""Graph scope variables of Nuke 16 in file names, in both answers on what File_Knob.evaluate() does with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp

from stcolor_core.images import plates


@pytest.fixture
def comp(nuke: Any, nuke_session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    made = make_comp(nuke, tmp_path / "sh010")
    for shot in ("sh020",):
        (tmp_path / shot).mkdir()
        for path in (tmp_path / "sh010").glob("*.exr"):
            frame = {"1001": "1004", "1004": "1001"}.get(path.name.split(".")[1], path.name.split(".")[1])
            other = path.with_name(path.name.replace(path.name.split(".")[1], frame))
            (tmp_path / shot / path.name).write_bytes(other.read_bytes())
    nuke_session.add_variables()
    nuke.root()["gsv"].setGsvValue("shot", "sh010")
    nuke.root()["gsv"].setGsvValue("plates.version", "plate")
    return made


@pytest.fixture
def inputs(comp: Comp) -> Any:
    import refcolorize.node.inputs

    return refcolorize.node.inputs


@pytest.mark.parametrize("name", ["%{shot}", "%shot", "%{__default__.shot}", "[join %{shot}]"])
def test_the_file_of_a_read_is_found_by_the_value_of_a_variable(
    comp: Comp, inputs: Any, tmp_path: Path, name: str
) -> None:
    comp.plate["file"].setValue(f"{tmp_path.as_posix()}/{name}/plate.####.exr")
    assert inputs.find_files(comp.plate).path == f"{tmp_path.as_posix()}/sh010/plate.####.exr"


def test_a_variable_of_a_set_is_found(comp: Comp, inputs: Any, tmp_path: Path) -> None:
    comp.plate["file"].setValue(f"{tmp_path.as_posix()}/sh010/%{{plates.version}}.####.exr")
    assert inputs.find_files(comp.plate).path == f"{tmp_path.as_posix()}/sh010/plate.####.exr"


def test_if_evaluate_keeps_the_variable_nuke_renders(
    nuke_session: Any, comp: Comp, inputs: Any, tmp_path: Path
) -> None:
    from refcolorize.node import rendered_inputs

    nuke_session.disputed.evaluate_has_variables = False
    comp.ref["file"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/ref.####.exr")
    assert inputs.find_files(comp.ref) is None
    pattern = rendered_inputs.render_input(comp.ref, [1001], tmp_path / "inputs", name="ref")
    assert_same_picture(pattern, tmp_path / "sh010" / "ref.1001.exr")


@pytest.mark.parametrize("name", ["%{gone}", "%{plates.gone}", "%gone"])
def test_a_variable_without_a_value_means_rendering(comp: Comp, inputs: Any, tmp_path: Path, name: str) -> None:
    comp.plate["file"].setValue(f"{tmp_path.as_posix()}/{name}/plate.####.exr")
    assert inputs.find_files(comp.plate) is None


def test_before_nuke_16_a_percent_sign_is_only_a_percent_sign(
    nuke_session: Any, comp: Comp, inputs: Any, tmp_path: Path
) -> None:
    del nuke_session.root._knobs["gsv"]
    comp.plate["file"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/plate.####.exr")
    assert inputs.find_files(comp.plate) is None


def test_the_value_of_the_innermost_group_counts(nuke: Any, comp: Comp, inputs: Any, tmp_path: Path) -> None:
    group = nuke.nodes.VariableGroup(name="Shots")
    group["gsv"].setGsvValue("shot", "sh020")
    with group:
        read = nuke.nodes.Read(file=f"{tmp_path.as_posix()}/%{{shot}}/plate.####.exr", first=1001, last=1006)
    assert inputs.find_files(read).path == f"{tmp_path.as_posix()}/sh020/plate.####.exr"
    group["gsv"].setValue({})
    assert inputs.find_files(read).path == f"{tmp_path.as_posix()}/sh010/plate.####.exr"


@pytest.mark.parametrize("answer", [True, False])
def test_a_changed_variable_renders_the_other_picture(
    nuke: Any, nuke_session: Any, comp: Comp, tmp_path: Path, answer: bool
) -> None:
    from refcolorize.node import rendered_inputs

    nuke_session.disputed.evaluate_has_variables = answer
    comp.ref["file"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/ref.####.exr")
    grade = nuke.nodes.Multiply(inputs=[comp.ref], value=1.0)
    for shot in ("sh010", "sh020", "sh010"):
        nuke.root()["gsv"].setGsvValue("shot", shot)
        pattern = rendered_inputs.render_input(grade, [1001], tmp_path / "inputs", name="ref")
        assert_same_picture(pattern, tmp_path / shot / "ref.1001.exr")
    planned = rendered_inputs.plan_input(grade, [1001], tmp_path / "inputs", name="ref")
    assert bool(planned.missing) == (not answer), "unchanged: only a file that Nuke alone knows is rendered again"


def test_a_changed_file_behind_a_variable_is_rendered_again(nuke: Any, comp: Comp, tmp_path: Path) -> None:
    from refcolorize.node import rendered_inputs

    comp.ref["file"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/ref.####.exr")
    grade = nuke.nodes.Multiply(inputs=[comp.ref], value=1.0)
    rendered_inputs.render_input(grade, [1001], tmp_path / "inputs", name="ref")
    other = (tmp_path / "sh020" / "ref.1001.exr").read_bytes()
    (tmp_path / "sh010" / "ref.1001.exr").write_bytes(other)
    pattern = rendered_inputs.render_input(grade, [1001], tmp_path / "inputs", name="ref")
    assert_same_picture(pattern, tmp_path / "sh020" / "ref.1001.exr")


def test_a_group_passes_its_variables_to_the_nodes_above_it(nuke: Any, comp: Comp, tmp_path: Path) -> None:
    """The Read is outside of the group and has the script's value there, but the group's for the node inside."""
    from refcolorize.node import inputs, rendered_inputs

    comp.ref["file"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/ref.####.exr")
    group = nuke.nodes.VariableGroup(name="Shots")
    group["gsv"].setGsvValue("shot", "sh020")
    with group:
        inside = nuke.nodes.Input(name="ref")
        nuke.nodes.Output(inputs=[inside])
    group.setInput(0, comp.ref)
    assert inputs.find_files(inside) is None, "only Nuke knows"
    for source, shot in ((inside, "sh020"), (comp.ref, "sh010")):
        for _ in range(2):
            pattern = rendered_inputs.render_input(source, [1001], tmp_path / "inputs", name="ref")
            assert_same_picture(pattern, tmp_path / shot / "ref.1001.exr")
    assert rendered_inputs.plan_input(inside, [1001], tmp_path / "inputs", name="ref").missing == (1001,)


def test_the_output_folder_may_name_a_variable(comp: Comp, tmp_path: Path) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import node_results, shots

    comp.node["output_folder"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/colour")
    assert node_results.results(comp.node).folder.parent == tmp_path / "sh010" / "colour"
    comp.node["output_folder"].setValue(f"{tmp_path.as_posix()}/%{{gone}}/colour")
    with pytest.raises(RefColorizeError, match=r"%\{gone\}.*Set the variable"):
        shots.build(comp.node)


def assert_same_picture(pattern: str, expected: Path) -> None:
    found = plates.rgb(plates.read(Path(pattern.replace("####", "1001"))))
    np.testing.assert_allclose(found, plates.rgb(plates.read(expected)), atol=2e-3)
