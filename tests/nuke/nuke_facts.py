"""docs/nuke_facts.yaml: what is assumed of Nuke, whence it is known, and how well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["FACTS", "summary", "unproven"]

PATH = Path(__file__).parents[2] / "docs" / "nuke_facts.yaml"
FACTS: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(PATH.read_text(encoding="utf-8"))


def unproven() -> list[tuple[str, dict[str, Any]]]:
    """The lines that neither Foundry nor practice bears out, by name."""
    return [(name, line) for lines in FACTS.values() for name, line in lines.items() if line["status"] == "unproven"]


def summary() -> str:
    """The share that is unproven, in words."""
    total = sum(map(len, FACTS.values()))
    return f"docs/nuke_facts.yaml: {len(unproven())} of {total} assumptions of Nuke are unproven"
