"""A recipe's code, run where it belongs."""

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
    """Run a block as the module that its title names; one that exists already has the block added at its end.

    What a block adds to a module, or to the tables in it, is gone after the test.
    """
    changed: list[tuple[dict[Any, Any], dict[Any, Any]]] = []

    def keep(table: dict[Any, Any]) -> None:
        changed.append((table, dict(table)))

    def run(title: str, code: str) -> ModuleType:
        name = title.removesuffix(".py").replace("/", ".").removeprefix("nuke_plugin.")
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
