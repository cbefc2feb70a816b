"""The start of Nuke: init.py everywhere, menu.py in the GUI."""

from __future__ import annotations

import ast
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from comp import PLUGIN

LAYERS = {"rc_ab", "rc_conf", "rc_st", "rc_source", "rc_id00", "rc_id01", "rc_id02"}
TOO_DEAR = ("http", "socket", "subprocess", "PySide2", "PySide6", "asyncio", "ssl")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A copy of the installed plug-in, which a test may break."""
    for name in ("nuke_plugin", "gizmos"):
        shutil.copytree(PLUGIN.parent / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    yield tmp_path / "nuke_plugin"
    sys.path[:] = [path for path in sys.path if not path.startswith(str(tmp_path))]


def test_a_farm_host_has_the_node_and_its_layers_and_no_menu(nuke: Any, nuke_session: Any) -> None:
    nuke.pluginAddPath(PLUGIN.as_posix())
    assert set(nuke.layers()) >= LAYERS
    assert nuke.createNode("RefColorize").Class() == "Group"
    assert nuke_session.panels == {}


@pytest.mark.gui
def test_the_gui_has_the_node_in_its_menu_with_icon_and_help_and_the_panel(nuke: Any, nuke_session: Any) -> None:
    nuke.pluginAddPath(PLUGIN.as_posix())
    (item,) = [item for item in nuke.menu("Nodes").items() if item.name() == "RefColorize"]
    assert any((Path(folder) / item.icon()).is_file() for folder in nuke.pluginPath())
    item.invoke()
    node = nuke.toNode("RefColorize1")
    assert node is not None
    assert "Add key" in node.help()
    assert list(nuke_session.panels) == ["refcolorize.panel"]
    assert nuke_session.panels["refcolorize.panel"][1] == "RefColorize"


@pytest.mark.gui
def test_the_node_is_added_once_if_the_start_runs_twice(nuke: Any, nuke_session: Any) -> None:
    for _ in range(2):
        nuke.pluginAddPath(PLUGIN.as_posix())
    assert [item.name() for item in nuke.menu("Nodes").items()].count("RefColorize") == 1
    paths = [path for path in nuke.pluginPath() if path.endswith(("gizmos", "icons"))]
    assert len(paths) == 2


@pytest.mark.gui
def test_a_version_chosen_in_the_node_shows_its_files(nuke: Any, tmp_path: Path) -> None:
    nuke.pluginAddPath(PLUGIN.as_posix())
    from refcolorize.node import node_results, nodes

    node = nodes.create()
    node["output_folder"].setValue(tmp_path.as_posix())
    for name, frame in (("v001", 1001), ("v002", 1050)):
        path = Path(node_results.results(node).pattern(name).replace("####", str(frame)))
        path.parent.mkdir(parents=True)
        path.touch()
    node_results.use_version(node, 2)
    node["version"].setValue("v001")
    assert node_results.is_showing(node, node_results.results(node).pattern("v001"))
    assert node.node("Result")["first"].value() == 1001
    node["version"].setValue("none")
    assert node_results.is_showing(node, node_results.results(node).pattern("v001")), (
        "use result is what switches it off"
    )
    assert not node["use_result"].value()
    node["version"].setValue("v002")
    assert node["use_result"].value()


@pytest.mark.gui
@pytest.mark.parametrize("broken", ["init.py", "menu.py", "refcolorize/node/nodes.py"])
def test_a_broken_plug_in_does_not_stop_nuke(
    nuke: Any, copy: Path, broken: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(copy)
    file = copy / broken
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("import nuke\n", "import nuke_of_another_planet\n", 1), encoding="utf-8")
    nuke.pluginAddPath(copy.as_posix())
    assert "nuke_of_another_planet" in capsys.readouterr().err


def test_starting_loads_no_network_no_qt_and_no_thread() -> None:
    """Uses a fresh process, since this one has already loaded them."""
    here = Path(__file__).parent
    script = f"""
import sys, threading
sys.path[:0] = [{str(here)!r}, {str(here.parent / "core")!r}]
import fakenuke
fakenuke.install(gui=True)
import nuke
for name in [name for name in sys.modules if name.partition(".")[0] in {TOO_DEAR}]:
    del sys.modules[name]
nuke.pluginAddPath({PLUGIN.as_posix()!r})
assert "refcolorize.node.nodes" in sys.modules
assert threading.active_count() == 1
print(*(name for name in sys.modules if name.partition(".")[0] in {TOO_DEAR}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == ([], "")


@pytest.mark.gui
def test_a_nuke_that_is_too_old_gets_one_line_and_is_left_unchanged(
    nuke: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_STRING = 13, "13.2v5"
    nuke.pluginAddPath(PLUGIN.as_posix())
    assert capsys.readouterr().err.splitlines() == [
        "RefColorize needs Nuke 14 or newer and is not loaded in Nuke 13.2v5."
    ]
    assert "RefColorize" not in [item.name() for item in nuke.menu("Nodes").items()]
    assert not LAYERS & set(nuke.layers())


@pytest.mark.parametrize("name", ["init.py", "menu.py", "refcolorize/__init__.py"])
def test_the_files_that_an_old_nuke_reads_parse_in_its_python(name: str) -> None:
    ast.parse((PLUGIN / name).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_a_button_of_the_node_in_an_old_nuke_reports_that_it_cannot_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 7, 7))
    with pytest.raises(ImportError, match="Nuke 14 or newer"):
        runpy.run_path(str(PLUGIN / "refcolorize" / "__init__.py"))


@pytest.mark.parametrize(("python", "expected"), [((3, 9), "PySide2"), ((3, 10), "PySide2"), ((3, 11), "PySide6")])
def test_the_version_of_nuke_chooses_the_qt_and_not_the_path(
    monkeypatch: pytest.MonkeyPatch, python: tuple[int, int], expected: str
) -> None:
    for name in ("PySide2", "PySide6"):
        module = ModuleType(name)
        for part in ("QtCore", "QtGui", "QtWidgets"):
            setattr(module, part, f"{name}.{part}")
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "version_info", (*python, 0))
    assert runpy.run_path(str(PLUGIN / "refcolorize" / "host" / "qt.py"))["QtCore"] == f"{expected}.QtCore"
