"""Collect the assumptions on Nuke from the sources of plug-in and gizmo: calls, knobs, values, script syntax."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gizmo_graph import GROUP, STEPS
from nkscript import Node, nodes

__all__ = ["assumptions", "of_python"]

PLUGIN = Path(__file__).parents[2] / "nuke_plugin"
_OURS = {knob.name for knob in GROUP.user_knobs}
# Subscripts of these names are not knobs.
_OF_THE_CORE = {"job", "event", "answer", "shot", "picture", "answers", "fact", "SPACES", "environ"} | {
    "found",
    "request",
    "render",
    "rendered",
    "paths",
    "now",
    "_now",
    "_renders",
}
_OWN_TEXT = {"name", "label", "help", "icon", "xpos", "ypos", "tile_color", "number", "inputs", "knobChanged", "file"}


def assumptions() -> dict[str, set[str]]:
    """Return the assumptions by kind.

    Calls as "nuke.tcl", knobs as "raw", values as "file_type=exr", gizmo as "Read.before=black" and "user knob 26".
    """
    found: dict[str, set[str]] = {"calls": set(), "knobs": set(), "values": set(), "gizmo": set(_of_gizmo())}
    texts = [path.read_text(encoding="utf-8") for path in sorted(PLUGIN.rglob("*.py"))]
    texts += [GROUP.knobs["knobChanged"], *(knob.text for knob in GROUP.user_knobs if knob.number == 22)]
    for text in texts:
        for kind, name in of_python(text):
            if kind == "calls" or re.search(r"^import nuke$|nuke\.thisNode", text, re.MULTILINE):
                found[kind].add(name)
    return found


def of_python(text: str) -> Iterator[tuple[str, str]]:
    """Yield the assumptions of a piece of Python as (kind, name). Annotations do not count."""
    tree = _Code().visit(ast.parse(text))
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner and (name := _dotted(node)):
            yield "calls", name
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if not _is_of_the_core(node.value):
                yield from _knob(node.slice.value)
        elif isinstance(node, ast.Compare):
            yield from _compared(node)
        elif isinstance(node, ast.Call):
            yield from _set(node)
        elif isinstance(node, ast.Dict):
            yield from _table(node)


class _Code(ast.NodeTransformer):
    """Removes annotations from a tree."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.Expr(self.visit(node.value)) if node.value else ast.Pass()

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _dotted(node: ast.expr) -> str:
    """Return the dotted name of an attribute chain on `nuke`, for example "nuke.Undo.name"; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in ("nuke", "nukescripts"):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _is_of_the_core(node: ast.expr) -> bool:
    """Return whether it is an answer of the core and not a node: job, client.job(...), shot["output"], self.shot."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return (node.id if isinstance(node, ast.Name) else node.attr) in _OF_THE_CORE
    if isinstance(node, (ast.Subscript, ast.Call)):
        return _is_of_the_core(node.value if isinstance(node, ast.Subscript) else node.func)
    return False


def _knob(name: object) -> Iterator[tuple[str, str]]:
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z_]\w*", name) and name not in _OURS:
        yield "knobs", name


def _set(call: ast.Call) -> Iterator[tuple[str, str]]:
    """Match node["file_type"].setValue("exr"), dict.fromkeys(("beforeRender", ...), ""), "disable" in node.knobs()."""
    if not isinstance(call.func, ast.Attribute):
        return
    target = call.func.value
    if call.func.attr == "setValue" and isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        argument = call.args[0]
        for word in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
            yield from _value(target.slice.value, word.value if isinstance(word, ast.Constant) else None)
    if call.func.attr == "fromkeys" and isinstance(call.args[0], ast.Tuple):
        for name in call.args[0].elts:
            yield from _knob(name.value if isinstance(name, ast.Constant) else None)


def _compared(node: ast.Compare) -> Iterator[tuple[str, str]]:
    """Match str(root["OCIO_config"].value()) == "custom"."""
    looked_up = [at for at in ast.walk(node.left) if isinstance(at, ast.Subscript) and not _is_of_the_core(at.value)]
    knobs = [at.slice.value for at in looked_up if _is_text(at.slice)]
    for name in knobs:
        for word in node.comparators:
            yield from _value(name, word.value if isinstance(word, ast.Constant) else None)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _table(table: ast.Dict) -> Iterator[tuple[str, str]]:
    """Match the knobs and values of a dictionary for `set_knobs`: all constants, and at least one True or False."""
    pairs = [(key.value, value) for key, value in zip(table.keys, table.values) if isinstance(key, ast.Constant)]
    if not any(isinstance(value, ast.Constant) and isinstance(value.value, bool) for _, value in pairs):
        return
    for name, value in pairs:
        yield from _knob(name)
        yield from _value(name, value.value if isinstance(value, ast.Constant) else None)


def _value(name: object, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(name, str) and isinstance(value, str) and value and name not in _OURS:
        yield "values", f"{name}={value}"


def _of_gizmo() -> Iterator[str]:
    for node in nodes(STEPS):
        yield node.class_name
        for name, value in node.knobs.items():
            if name in _OURS:
                continue
            yield f"{node.class_name}.{re.sub(r'[0-9]$', '#', name)}"
            if name not in _OWN_TEXT and not re.match(r"(temp_)?(expr|name)|which", name):
                yield f"{node.class_name}.{re.sub(r'[0-9]$', '#', name)}={_shape(value)}"
    for knob in GROUP.user_knobs:
        yield f"user knob {knob.number}"
        yield from (f"flag {flag}" for flag in knob.flags)
    yield from (f"script {type(step).__name__}" for step in STEPS if not isinstance(step, Node))


def _shape(value: str) -> str:
    """Return the form of a mask without the names of our own layers, which no public script has."""
    return re.sub(r"rc_\w+\.\w+", "layer.channel", value)
