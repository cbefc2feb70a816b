"""The panel's source uses only names that both PySide2 5.15 and PySide6 have."""

from __future__ import annotations

import ast
import enum
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from qt_app import application

qapp = application()

from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402  (skipped above if there is none)

PLUGIN = Path(__file__).resolve().parents[3] / "nuke_plugin"
MODULES = {"QtCore": QtCore, "QtGui": QtGui, "QtWidgets": QtWidgets}
FILES = sorted(path for path in PLUGIN.rglob("*.py") if "Qt" in path.read_text(encoding="utf-8"))

# In another module, or gone, in one of the two.
MOVED = {
    *("QAction", "QActionGroup", "QShortcut", "QUndoStack", "QUndoCommand", "QFileSystemModel"),
    *("QDesktopWidget", "QRegExp", "QRegExpValidator", "QTextCodec", "QStringListModel", "QOpenGLWidget", "QSound"),
}
# Methods that one of the two lacks or has deprecated. An event's place: see `point_of` of qt.py.
DIFFERENT = {
    *("exec", "exec_", "print_", "desktop", "setMargin", "setTabStopWidth"),
    *("position", "globalPosition", "scenePosition", "localPos", "windowPos", "screenPos", "globalX", "globalY"),
    *("delta", "orientation", "enterEvent", "toTime_t", "fromTime_t"),
}


def test_no_dialog_belongs_to_the_window_that_happens_to_be_active() -> None:
    """It would close with that window, which may be another dialog: `main_window` of qt.py is the parent."""
    used = [path.name for path in FILES if "activeWindow" in path.read_text(encoding="utf-8")]
    assert FILES and not used


def chains(tree: ast.AST) -> Iterator[str]:
    """QtCore.Qt.Key.Key_Left: each name that begins with a module of Qt, as a whole."""
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            names, at = [], node
            while isinstance(at, ast.Attribute):
                inner.add(id(at))
                names.append(at.attr)
                at = at.value  # type: ignore[assignment]
            if isinstance(at, ast.Name) and at.id in MODULES:
                yield ".".join([at.id, *reversed(names)])


def strange(chain: str) -> str:
    """What is wrong with such a name; "" if nothing is."""
    module, *names = chain.split(".")
    owner: object = MODULES[module]
    if names[0] in MOVED:
        return f"{chain}: {names[0]} is elsewhere in the other PySide"
    for name in names:
        if not hasattr(owner, name):
            return f"{chain}: there is no {name}"
        found = getattr(owner, name)
        if _is_member(found, owner):
            return f"{chain}: an enumeration's value is named with its enumeration"
        owner = found
    return ""


def _is_member(found: object, owner: object) -> bool:
    """Whether it is a value of an enumeration, reached through another class: Qt.AlignLeft."""
    kind = type(found)
    is_enum = isinstance(found, enum.Enum) or (kind.__qualname__.count(".") and hasattr(kind, "values"))
    return bool(is_enum) and inspect.isclass(owner) and owner is not kind


def different(tree: ast.AST) -> list[str]:
    """Methods used or defined that are not the same in both."""
    used = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    defined = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return sorted(DIFFERENT & {*used, *defined})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_qt_name_exists_in_both_versions_and_enumerations_are_fully_qualified(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    assert [wrong for chain in chains(tree) if (wrong := strange(chain))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_method_is_used_that_only_one_version_has(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert different(tree) == (["position"] if path.name == "qt.py" else [])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_qt_is_loaded_in_one_place_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    loads = any(name.startswith("PySide") for name in imported)
    assert loads == (path.name == "qt.py")


def test_many_files_were_read() -> None:
    names = {path.stem for path in FILES}
    assert {"panel", "panel_face", "timeline", "version_box", "qt"} <= names
    assert len({chain for path in FILES for chain in chains(ast.parse(path.read_text(encoding="utf-8")))}) > 60


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        pytest.param("QtWidgets.QAction('x')", True, id="moved"),
        pytest.param("QtGui.QAction('x')", True, id="moved the other way"),
        pytest.param("QtCore.Qt.AlignLeft", True, id="an enumeration's value without its enumeration"),
        pytest.param("QtCore.Qt.AlignmentFlag.AlignLeft", False, id="with it"),
        pytest.param("QtWidgets.QNoWidget()", True, id="not there"),
        pytest.param("QtCore.QTimer.singleShot(0, f)", False, id="a static method"),
    ],
)
def test_a_name_that_differs_is_found(words: str, wrong: bool) -> None:
    (chain,) = chains(ast.parse(words))
    assert bool(strange(chain)) == wrong


def test_a_method_that_differs_is_found() -> None:
    assert different(ast.parse("menu.exec_(event.globalPos())")) == ["exec_"]
