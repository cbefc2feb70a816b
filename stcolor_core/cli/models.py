"""`stcolor models list | add | verify`: manage the weights on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stcolor_core.terminal import print_line

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `models` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("models", help="list, add or verify weights")
    actions = parser.add_subparsers(required=True, metavar="list|add|verify")
    actions.add_parser("list", help="list the models and whether they are installed").set_defaults(run=_list)
    actions.add_parser("verify", help="check the weights against their checksums").set_defaults(run=_verify)
    add = actions.add_parser("add", help="convert published weights to safetensors and install them")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.set_defaults(run=_add)


def _list(_: argparse.Namespace) -> int:
    from stcolor_core.models import registry

    models = registry.list_models()
    name_width, licence_width = (
        max(len(getattr(each, column)) for each in models) + 2 for column in ("name", "licence")
    )
    for each in models:
        state = "installed" if each.present else "not installed"
        print_line(f"{each.name:{name_width}}{state:15}{each.licence:{licence_width}}{each.summary}")
    print_line(f"Weights are kept in {registry.folder()}.")
    return 0


def _add(options: argparse.Namespace) -> int:
    from stcolor_core.models import registry

    for added in registry.add(options.paths):
        print_line(f"{added.name}: {added.path} (sha256 {added.sha256[:16]}...)")
    return 0


def _verify(_: argparse.Namespace) -> int:
    from stcolor_core.models import registry

    problems = registry.verify()
    for problem in problems:
        sys.stderr.write(f"stcolor: {problem}\n")
    if not problems:
        print_line("All installed weights are as they were added.")
    return 1 if problems else 0
