#!/usr/bin/env python3
"""Write docs/node.md and docs/pictures/node.svg: the node's knobs, inputs and outputs, read from its own file.

    .venv/bin/python docs/make_node_page.py

Run it after a change of gizmos/RefColorize.gizmo and commit the result; a test says when that was forgotten.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
GIZMO = PROJECT / "gizmos" / "RefColorize.gizmo"
PAGE, DIAGRAM = PROJECT / "docs" / "node.md", PROJECT / "docs" / "pictures" / "node.svg"

# The numbers that Nuke writes for the kinds of knobs that the node has.
TAB, TEXT_LINE = 20, 26
KINDS = {
    1: "text",
    2: "file",
    3: "integer",
    4: "menu",
    6: "check box",
    7: "slider",
    13: "three numbers",
    22: "button",
    43: "lines of text",
    TEXT_LINE: "text line",
}
INPUTS = {
    "plate": "the grey shot",
    "ref": "the same shot with colour; read at the keyed frames only",
    "matte": "optional; white on what to keep apart",
}

_KNOB = re.compile(r"^ addUserKnob \{(\d+) (\S+)(.*)\}$", re.MULTILINE)
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_INPUT = re.compile(r"^ Input \{.*?^ \}", re.MULTILINE | re.DOTALL)


class Knob(NamedTuple):
    """One knob of the node.

    Attributes:
        kind: As Nuke numbers it in `addUserKnob`.
        name: Its name.
        label: The words on it.
        tip: Its tool tip.
        entries: Those of its menu; none for other kinds.
        hidden: Whether the artist does not see it.
    """

    kind: int
    name: str
    label: str
    tip: str
    entries: tuple[str, ...]
    hidden: bool


def read_knobs(text: str) -> list[Knob]:
    """Return the user knobs of a group in their order, tabs and titles among them.

    Args:
        text: The gizmo's text.
    """
    return [_knob(int(kind), name, rest) for kind, name, rest in _KNOB.findall(text) if name != '""']


def _knob(kind: int, name: str, rest: str) -> Knob:
    menu = re.search(r" M \{([^}]*)\}", rest)
    entries = re.findall(r'"([^"]*)"|(\S+)', menu[1]) if menu else []
    return Knob(
        kind=kind,
        name=name,
        label=re.sub(r"<[^>]*>", "", _option(rest, "l") or name),
        tip=_option(rest, "t").replace(r"\n", "\n").replace(r"\[", "[").replace(r"\"", '"'),
        entries=tuple(quoted or bare for quoted, bare in entries),
        hidden="+INVISIBLE" in rest,
    )


def _option(rest: str, letter: str) -> str:
    found = re.search(rf" {letter} (?:{_QUOTED}|(\S+))", rest)
    return (found[1] or found[2] or "") if found else ""


def read_inputs(text: str) -> list[str]:
    """Return the names of the node's inputs by their number.

    Args:
        text: The gizmo's text.
    """
    numbered = {}
    for block in _INPUT.findall(text):
        number, name = (
            re.search(r"^  number (\d+)$", block, re.MULTILINE),
            re.search(r"^  name (\w+)$", block, re.MULTILINE),
        )
        assert name
        numbered[int(number[1]) if number else 0] = name[1]
    return [numbered[number] for number in sorted(numbered)]


def page(knobs: list[Knob]) -> str:
    """Return the page: a table for each section of each tab.

    Args:
        knobs: The node's knobs in their order.
    """
    lines = [
        "# The node, knob by knob",
        "",
        "<!-- Made by docs/make_node_page.py from gizmos/RefColorize.gizmo. Do not edit. -->",
        "",
        "![The node's inputs and outputs](pictures/node.svg)",
        "",
    ]
    for knob in knobs:
        if knob.hidden:
            continue
        if knob.kind == TAB:
            lines += ["", f"## Tab {knob.label}", "", *([] if knob.name == "refcolorize_tab" else _HEAD)]
        elif knob.kind == TEXT_LINE and knob.name.endswith("_title"):
            lines += ["", f"### {knob.label}", "", *_HEAD]
        else:
            lines.append(f"| {_cell(knob.label)} | {KINDS[knob.kind]} | {_meaning(knob)} |")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


_HEAD = ["| knob | kind | what it does |", "|---|---|---|"]


def _meaning(knob: Knob) -> str:
    if knob.name == "status":
        return "The state of the last job."
    missing = [entry for entry in knob.entries if entry not in knob.tip and entry != "none"]
    return _cell("\n".join([knob.tip, *([f"One of {', '.join(knob.entries)}."] if missing else [])]))


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|").replace("*", "\\*").replace("\n", "<br>")


def diagram(inputs: list[str], outputs: tuple[str, ...]) -> str:
    """Return the node with its inputs above and its outputs below, as SVG.

    Args:
        inputs: Their names, by number.
        outputs: Their names, in order.
    """
    width, box, middle = 780, 180, 390
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 300" font-family="DejaVu Sans, sans-serif" '
        'font-size="14">',
        f'<rect width="{width}" height="300" fill="#2f2f2f" rx="6"/>',
    ]
    for place, name in enumerate(inputs):
        x = width * (place + 0.5) / len(inputs)
        words = _wrapped(INPUTS[name])
        parts += [_text(x, 28, name, weight="bold"), *(_text(x, 48 + 16 * row, line) for row, line in enumerate(words))]
        end = middle + (place - (len(inputs) - 1) / 2) * 40
        parts.append(f'<path d="M {x:.0f} 90 L {end:.0f} 138" stroke="#d0d0d0" stroke-width="1.5"/>')
    parts += [
        f'<rect x="{middle - box / 2}" y="138" width="{box}" height="44" rx="4" fill="#8c6d46" stroke="#111"/>',
        _text(middle, 165, "RefColorize", weight="bold", ink="#fff"),
        f'<path d="M {middle} 182 L {middle} 214" stroke="#d0d0d0" stroke-width="1.5"/>',
        _text(middle, 234, "output: one of", ink="#b8b8b8"),
        _text(middle, 258, "   ·   ".join(outputs), weight="bold"),
        _text(middle, 282, "all layers of the plate pass through", ink="#b8b8b8"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _wrapped(words: str) -> list[str]:
    head, _, tail = words.partition("; ")
    return [head, *([tail] if tail else [])]


def _text(x: float, y: float, words: str, *, weight: str = "normal", ink: str = "#e6e6e6") -> str:
    escaped = html.escape(words)
    return f'<text x="{x:.0f}" y="{y}" fill="{ink}" text-anchor="middle" font-weight="{weight}">{escaped}</text>'


def made() -> dict[Path, str]:
    """Return what each file must hold."""
    text = GIZMO.read_text(encoding="utf-8")
    knobs = read_knobs(text)
    outputs = next(knob.entries for knob in knobs if knob.name == "output")
    return {PAGE: page(knobs), DIAGRAM: diagram(read_inputs(text), outputs)}


def main() -> None:
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
