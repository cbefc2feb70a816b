"""Check that public docstrings are complete.

    python3 .ci/docstrings.py [FOLDER_OR_FILE ...]

Ruff checks the form of Google-style docstrings, but not that a section is there at all. A public function must name its
parameters under Args, say what it returns (under Returns or Yields, or in a first line that begins with "Return" or
"Yield", as Google's guide allows), and name the exceptions that its own body raises under Raises. A public dataclass or
named tuple must name its fields under Attributes. Prints one line for each fault; the exit status is 1 if there is one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("stcolor_core", "nuke_plugin", "benchmarks", "docs", "install.py")
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$", re.MULTILINE)
_FIELDS = {"dataclass", "NamedTuple", "TypedDict"}


def sections(docstring: str) -> dict[str, str]:
    """Return the text of each section of a docstring by its title; the text before the first is under "".

    Args:
        docstring: A cleaned docstring, as `ast.get_docstring` returns it.
    """
    parts = _SECTION.split(docstring)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def described_names(section: str) -> set[str]:
    """Return the names that a section describes; a line may describe several before its colon.

    Args:
        section: The text of a section.
    """
    names = set()
    for line in section.splitlines():
        if re.match(r"^    \*{0,2}\w", line) and ":" in line:
            head = re.sub(r"\([^)]*\)", "", line.split(":", 1)[0])
            names |= {name.strip(" *") for name in head.split(",")}
    return names


def function_faults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the faults of a public function's docstring.

    Args:
        function: The function's node.
    """
    parts = sections(ast.get_docstring(function) or "")
    arguments = function.args
    everything = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    parameters = {argument.arg for argument in everything if argument and not argument.arg.startswith("_")} - {
        "self",
        "cls",
    }
    if missing := parameters - described_names(parts.get("Args", "")):
        yield f"Args lacks {', '.join(sorted(missing))}"
    if extra := described_names(parts.get("Args", "")) - parameters:
        yield f"Args names {', '.join(sorted(extra))}, which it does not take"
    returns = function.returns is not None and ast.unparse(function.returns) not in ("None", "NoReturn")
    states_result = re.match(r"(Return|Yield)s?\b", parts[""].strip()) or {"Returns", "Yields"} & parts.keys()
    if returns and not states_result:
        yield "nothing says what it returns"
    if missing := raised_names(function) - set(re.findall(r"\w+", parts.get("Raises", ""))):
        yield f"Raises lacks {', '.join(sorted(missing))}"


def raised_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the exception classes that the body itself raises by name, without those of nested functions.

    Args:
        function: The function's node.
    """
    names, todo = set(), list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = ast.unparse(node.exc.func).rsplit(".", 1)[-1]
            names |= {name} if re.match(r"[A-Z]", name) else set()
        todo += ast.iter_child_nodes(node)
    return names - {"NotImplementedError", "AssertionError", "SystemExit"}


def class_faults(node: ast.ClassDef) -> Iterator[str]:
    """Yield the faults of the docstring of a public class with fields.

    Args:
        node: The class's node.
    """
    marks = {word for mark in [*node.decorator_list, *node.bases] for word in re.findall(r"\w+", ast.unparse(mark))}
    if not marks & _FIELDS:
        return
    fields = [
        line.target.id for line in node.body if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    ]
    public = {name for name in fields if not name.startswith("_")}
    if missing := public - described_names(sections(ast.get_docstring(node) or "").get("Attributes", "")):
        yield f"Attributes lacks {', '.join(sorted(missing))}"


def faults(path: Path) -> Iterator[str]:
    """Yield one line for each fault in a file.

    Args:
        path: A Python file in the project.
    """
    todo: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), "")]
    while todo:
        parent, prefix = todo.pop(0)
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                todo.append((node, prefix))
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
                continue
            marks = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
            if isinstance(node, ast.ClassDef):
                todo.append((node, f"{prefix}{node.name}."))
                texts = class_faults(node)
            elif node.name != node.name.lower() or "overload" in marks or "setter" in marks:
                continue  # a name in Qt's style is an override, which Qt documents
            else:
                texts = function_faults(node)
            yield from (f"{path.relative_to(ROOT)}:{node.lineno}: {prefix}{node.name}: {fault}" for fault in texts)


def main(names: list[str]) -> int:
    """Print the faults of the named folders and files, or of all sources.

    Args:
        names: Paths, relative to the working directory; empty for all sources.

    Returns:
        The exit status: 1 if there is a fault.
    """
    places = [Path(name).resolve() for name in names] or [ROOT / name for name in SOURCES]
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    lines = [line for file in files for line in faults(file)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
