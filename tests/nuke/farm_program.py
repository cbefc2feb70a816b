"""A stand-in for `stcolor farm` with the same command line; an environment variable chooses its failure.

$FARM_GOES: "well", or "refused", "wrong", "garbage", "crash", "on" (until it is ended).
$FARM_COLORLESS: keyframe -> why its reference gives no colour, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path

HAS = {
    "openjd": ("submit",),
    "deadline": ("submit", "pool", "secondary-pool", "group", "handles"),
    "opencue": ("submit", "show", "facility"),
}


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stcolor")
    farm = parser.add_subparsers(required=True).add_parser("farm")
    engines = farm.add_subparsers(required=True, dest="engine")
    choices = engines.add_parser("choices")
    choices.add_argument("asks", choices=["opencue"])
    choices.add_argument("--json", action="store_true")
    references = engines.add_parser("references")
    references.add_argument("--shot", type=Path, required=True)
    references.add_argument("--json", action="store_true")
    for engine, own in HAS.items():
        command = engines.add_parser(engine, allow_abbrev=False)
        command.add_argument("--shot", type=Path, required=True)
        command.add_argument("--output", type=Path, required=True)
        for name in ("max-span", "chunk", "gpus", "priority"):
            command.add_argument(f"--{name}", type=int)
        for name in ("name", "nuke", "comment", "timeout", "views", "path-substitutions", *own[1:]):
            command.add_argument(f"--{name}")
        for name in ("proxy", "continue-on-error"):
            command.add_argument(f"--{name}", action="store_true")
        command.add_argument("--nuke-script", type=Path)
        command.add_argument("--write", action="append", default=[])
        command.add_argument("--submit", action="store_true")
        command.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    goes = os.environ["FARM_GOES"]
    if options.engine == "references":
        assert json.loads(options.shot.read_text(encoding="utf-8"))["references"]
        sys.stdout.write(json.dumps({"colorless": json.loads(os.environ.get("FARM_COLORLESS", "{}"))}) + "\n")
        return 0
    if options.engine == "choices":
        if goes == "refused":
            sys.stderr.write("a warning of a library\nstcolor: OpenCue cannot be asked for its shows (no route).\n")
            return 1
        sys.stdout.write(json.dumps({"show": ["demo", "film"], "facility": ["cloud"]}) + "\n")
        return 0
    if goes == "on":
        options.output.mkdir()
        (options.output / "begun").write_text(str(os.getpid()))
        time.sleep(600)
    if goes == "refused":
        sys.stderr.write("a warning of a library\nstcolor: No pool is named lighting. Name one of film, night.\n")
        return 2
    if goes == "crash":
        try:
            raise ValueError("a bug")
        except ValueError:
            traceback.print_exc()
        return 1
    if goes == "garbage":
        sys.stdout.write("all is well\n")
        return 0
    options.output.mkdir(exist_ok=True)
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
    (options.output / "asked.json").write_text(json.dumps(asked))
    json.loads(options.shot.read_text(encoding="utf-8"))
    found = {
        "engine": options.engine,
        "path": str(options.output),
        "tasks": 3,
        "submitted": options.submit,
        "job": "job-0123456789abcdef" if options.submit else None,
        "message": "" if options.submit else f"Run it with: openjd run {options.output}/template.yaml",
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    assert sys.argv[1:3] == ["-m", "stcolor_core.cli"], sys.argv
    sys.exit(main(sys.argv[3:]))
