"""docs/nuke_facts.yaml: the assumptions on Nuke, with their sources and their status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["FACTS", "summary", "unproven"]

PATH = Path(__file__).parents[2] / "docs" / "nuke_facts.yaml"
FACTS: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(PATH.read_text(encoding="utf-8"))


def unproven() -> list[tuple[str, dict[str, Any]]]:
    """Return the names of the assumptions that neither Foundry nor practice confirms."""
    return [(name, line) for lines in FACTS.values() for name, line in lines.items() if line["status"] == "unproven"]


def summary() -> str:
    """Return the unproven share as a sentence."""
    total = sum(map(len, FACTS.values()))
    return f"docs/nuke_facts.yaml: {len(unproven())} of {total} assumptions of Nuke are unproven"
