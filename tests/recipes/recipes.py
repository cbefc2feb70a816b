"""The code of docs/develop/recipes.md, by the file that it belongs to."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

__all__ = ["apply", "blocks", "run_tests"]

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "develop" / "recipes.md"
_BLOCK = re.compile(r'^```(?:python|text) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(recipe: str) -> dict[str, str]:
    """Return the code of one recipe by its title: the file that it belongs to, and after ": " where in it.

    "imports" are lines for the imports at the top. Any other place is a table, and the code is a row of it.
    """
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.startswith(recipe + "\n")]
    return dict(_BLOCK.findall(section))


def apply(code: dict[str, str], folder: Path) -> list[str]:
    """Write the Python files that a recipe makes or changes into a folder, as a reader would have them; return them."""
    files: dict[str, str] = {}
    for title, text in code.items():
        name, _, place = title.partition(": ")
        if not name.endswith(".py"):
            continue
        source = PROJECT / name
        before = files.get(name) or (source.read_text(encoding="utf-8") if source.exists() else "")
        if place == "imports":
            files[name] = _with_imports(before, text)
        elif place:
            start = before.index(f"\n{place} = {{\n")
            end = before.index("\n}\n", start) + 1
            files[name] = before[:end] + text + before[end:]
        else:
            files[name] = f"{before.rstrip()}\n\n\n{text}".lstrip()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return list(files)


def _with_imports(module: str, imports: str) -> str:
    """Return a module in which each line replaces the import of the same module."""
    for line in imports.splitlines():
        head = line.partition(" import ")[0]
        module, count = re.subn(rf"^{re.escape(head)} import .*$", line, module, flags=re.MULTILINE)
        assert count == 1, line
    return module


def run_tests(module: ModuleType, **fixtures: object) -> int:
    """Call the tests of a block; return how many there were."""
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    for test in tests:
        test(**fixtures)
    return len(tests)
