"""The fake has nothing that Nuke lacks: its names and parameters against the types-nuke stubs."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Names that the stubs lack or have wrong, with the evidence for them.
_MORE_THAN_THE_STUBS = {
    "Node.dependencies(what)": "the stubs say `mask`; the Python Developer's Guide says `what`",
    "Node.dependent(what)": "as dependencies",
    "FrameRanges.getRange(i)": "the stubs forget which of the ranges",
    "Link_Knob.setValue(val)": "the stubs forget the value",
    "scriptSaveToTemp(filename)": "the stubs and Foundry's docstring give the type in place of a name",
    "Panel.addBooleanCheckBox": "the stubs spell it addbooleanCheckBox; the Guide does not",
}


class _Stubs:
    """The functions, classes and constants of the stubs."""

    def __init__(self) -> None:
        self.functions: dict[str, list[ast.FunctionDef]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.names: set[str] = set()
        for path in _stub_files():
            for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                self._take(statement)

    def _take(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.FunctionDef):
            self.functions.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, ast.ClassDef):
            self.classes[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            self.names.add(statement.target.id)

    def methods(self, class_name: str) -> dict[str, list[ast.FunctionDef]]:
        """Return the definitions of a class and its bases; attributes have none."""
        found: dict[str, list[ast.FunctionDef]] = {}
        statement = self.classes[class_name]
        for inherited in reversed([base.id for base in statement.bases if isinstance(base, ast.Name)]):
            found |= self.methods(inherited) if inherited in self.classes else {}
        own: dict[str, list[ast.FunctionDef]] = {}
        for item in statement.body:
            if isinstance(item, ast.FunctionDef):
                own.setdefault(item.name, []).append(item)
            elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                own[item.target.id] = []
        return found | own


def _stub_files() -> list[Path]:
    found = importlib.util.find_spec("pytest")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parents[1] / "nuke-stubs"
    if not folder.is_dir():
        pytest.skip("types-nuke is not installed")
    names = ("_nuke", "utils", "callbacks", "colorspaces", "executeInMain", "overrides", "scripts")
    return [folder / f"{name}.pyi" for name in names]


@pytest.fixture(scope="module")
def stubs() -> _Stubs:
    return _Stubs()


def _parameters(definition: ast.FunctionDef) -> list[str] | None:
    """Return the names of the parameters, or None if the stub does not know them."""
    if definition.args.vararg is not None and definition.args.vararg.arg == "args":
        return None
    return [argument.arg for argument in (*definition.args.posonlyargs, *definition.args.args)]


def _strange_parameters(function: Any, definitions: list[ast.FunctionDef]) -> list[str]:
    """Return the parameters of a function of the fake that no overload in the stubs has."""
    known = [_parameters(definition) for definition in definitions]
    if not known or None in known:
        return []
    names = {name for form in known for name in form or ()}
    return [name for name in inspect.signature(function).parameters if name not in names | {"self", "args", "kwargs"}]


def _public(owner: Any) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in vars(owner).items() if not name.startswith("_"))


def _strange_in_class(kind: type, stubs: _Stubs) -> list[str]:
    known = stubs.methods(kind.__name__)
    found = []
    for name, value in _public(kind):
        if name not in known:
            found.append(f"{kind.__name__}.{name}")
        elif callable(value):
            strange = _strange_parameters(value, known[name])
            found += [f"{kind.__name__}.{name}({parameter})" for parameter in strange]
    return found


def _strange_in_module(nuke: ModuleType, stubs: _Stubs) -> list[str]:
    found = []
    for name, value in _public(nuke):
        if isinstance(value, type):
            found += [name] if name not in stubs.classes else []
        elif inspect.isfunction(value) or inspect.ismethod(value):
            strange = _strange_parameters(value, stubs.functions[name]) if name in stubs.functions else ["?"]
            found += [f"{name}({parameter})" for parameter in strange]
        elif name not in stubs.names:
            found.append(name)
    return found


def test_the_fake_has_no_name_that_the_stubs_lack(nuke_session: Any, nuke: ModuleType, stubs: _Stubs) -> None:
    del nuke_session
    strange = _strange_in_module(nuke, stubs)
    for _, value in _public(nuke):
        if isinstance(value, type) and value.__name__ in stubs.classes:
            strange += _strange_in_class(value, stubs)
    assert set(strange) == set(_MORE_THAN_THE_STUBS)


def test_a_name_the_stubs_lack_is_found(nuke_session: Any, nuke: ModuleType, stubs: _Stubs) -> None:
    del nuke_session

    class Node:
        def paint(self) -> None: ...

        def setXpos(self, y: int) -> None: ...  # noqa: N802  (Nuke's name)

    nuke.colorize = lambda: None
    assert "colorize(?)" in _strange_in_module(nuke, stubs)
    assert _strange_in_class(Node, stubs) == ["Node.paint", "Node.setXpos(y)"]


def test_every_class_derives_as_in_the_stubs(nuke_session: Any, nuke: ModuleType, stubs: _Stubs) -> None:
    del nuke_session
    for _, kind in _public(nuke):
        if not isinstance(kind, type):
            continue
        expected = [base.id for base in stubs.classes[kind.__name__].bases if isinstance(base, ast.Name)]
        own = [base.__name__ for base in kind.__mro__[1:]]
        assert set(expected) <= set(own), f"{kind.__name__} derives from {own}"
