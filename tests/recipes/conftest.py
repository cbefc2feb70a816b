"""Run the code of a recipe in the module that it belongs to."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from nuke_fixtures import nuke, nuke_session

__all__ = ["Install", "install", "nuke", "nuke_session"]

Install = Callable[..., ModuleType]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Run a block as the module that its title names; if the module exists, the block is added at its end.

    After the test, the additions to a module and to its tables are removed.
    """
    changed: list[tuple[dict[Any, Any], dict[Any, Any]]] = []

    def keep(table: dict[Any, Any]) -> None:
        changed.append((table, dict(table)))

    def run(title: str, code: str) -> ModuleType:
        name = title.partition(": ")[0].removesuffix(".py").replace("/", ".").removeprefix("nuke_plugin.")
        try:
            module = ModuleType(name) if title.startswith("tests/") else importlib.import_module(name)
        except ModuleNotFoundError:
            module = ModuleType(name)
            monkeypatch.setitem(sys.modules, name, module)
            parent, _, last = name.rpartition(".")
            if parent in sys.modules:
                monkeypatch.setattr(sys.modules[parent], last, module, raising=False)
        for table in [value for key, value in vars(module).items() if key.isupper() and isinstance(value, dict)]:
            keep(table)
        keep(vars(module))
        exec(compile(code, title, "exec", annotations.compiler_flag), vars(module))
        return module

    yield run
    for table, before in reversed(changed):
        table.clear()
        table.update(before)
