"""The code of docs/develop/recipes.md, by the file that it belongs to."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

__all__ = ["blocks", "run_tests"]

PAGE = Path(__file__).parents[2] / "docs" / "develop" / "recipes.md"
_BLOCK = re.compile(r'^```(?:python|text) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(recipe: str) -> dict[str, str]:
    """Return the code of one recipe, by the file that it belongs to."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.startswith(recipe + "\n")]
    return dict(_BLOCK.findall(section))


def run_tests(module: ModuleType, **fixtures: object) -> int:
    """Call the tests of a block; return how many there were."""
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    for test in tests:
        test(**fixtures)
    return len(tests)
