#!/usr/bin/env python3
"""Measure every figure of docs/quality.md's "Quality" and "Where the colour is lost" again, and write them there.

    PYTHONPATH=. .venv/bin/python docs/make_quality.py --dataset DAVIS --workers 4
    PYTHONPATH=. .venv/bin/python docs/make_quality.py --render

Writes docs/quality.json, the tables between the markers in docs/quality.md, and docs/pictures/quality-*.svg. The folder
--output keeps what is measured, so that the same command goes on where it was stopped. --render writes page and
pictures from docs/quality.json alone; a test says when that was forgotten.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import import_module
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

PROJECT = Path(__file__).resolve().parents[1]
PAGE, DATA, PICTURES = (PROJECT / "docs" / name for name in ("quality.md", "quality.json", "pictures"))
EVERY = 6  # frames of benchmarks/losses.py
LOSSES = {"tenth": ((9,), 30), "first-whole": ((0,), 50), "first+last": ((0, -1), 50)}  # its references and frames
CAUSES = ("right", "choice", "fast", "in sight", "hidden")
_BLOCK = re.compile(r"(<!-- quality: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Run(NamedTuple):
    """One call of `stcolor evaluate`.

    Attributes:
        protocol: Which frames are the keyframes.
        variants: The variants that it compares.
        lines: Height of the clips.
        old_film: Whether the clips are aged first.
    """

    protocol: str
    variants: tuple[str, ...]
    lines: int = 216
    old_film: bool = False


RUNS = {
    "tenth": Run(
        "tenth",
        (
            *("grey", "chained", "realigned"),
            *(f"standard:{tracking}:attention" for tracking in ("none", "instance", "dense", "instance+dense")),
            *("standard:rule", "standard"),
        ),
    ),
    "first": Run("first", ("chained", "realigned", "standard")),
    "first-whole": Run("first-whole", ("chained", "realigned", "standard")),
    "old-film": Run("tenth", ("chained", "standard"), old_film=True),
    "lines-432": Run("tenth", ("realigned", "standard"), lines=432),
    "first+last": Run("first+last", ("chained", "standard")),
}
TITLES = {
    "grey": "grey",
    "chained": "DIS flow, chained",
    "realigned": "DIS flow, chained and re-aligned to the keyframe",
    "standard:none:attention": "attention alone, anywhere (`standard:none:attention`)",
    "standard:instance:attention": "attention alone, inside or outside the true mask (`standard:instance:attention`)",
    "standard:dense:attention": "attention alone, around where dense tracking leads (`standard:dense:attention`)",
    "standard:instance+dense:attention": "attention alone, both (`standard:instance+dense:attention`)",
    "standard:rule": "flow and attention mixed by a fixed rule (`standard:rule`)",
    "standard": "**standard**",
}
SITUATIONS = {
    "tenth": "tenth frame of 30",
    "first": "first frame of 30 (`--protocol first`)",
    "first-whole": "first frame of all 50 (`--protocol first-whole`)",
    "lines-432": "tenth frame of 30, at 432 lines with the same weights (`--lines 432`)",
    "old-film": "tenth frame of 30, plates and keyframe with an old print's wear (`--old-film`)",
}
ASKED = {
    "tenth": ("tenth frame of 30", 34.9, None),
    "first": ("first frame of 30", 33.4, None),
    "first-whole": ("first frame of all 50", 32.3, None),
    "first+last": ("first and last frame of all 50", 35.3, 5.8),
}
"""What was asked of the standard model: the keyframes, PSNR in dB, outliers in %."""


def measure(dataset: Path, output: Path, *, workers: int, only: Sequence[str]) -> dict[str, Any]:
    """Return everything that docs/quality.json holds.

    Args:
        dataset: A folder of clips.
        output: Where the runs write.
        workers: Processes at a time.
        only: Names of runs, "losses" among them.
    """
    from stcolor_core.evaluation.dataset import read_dataset
    from stcolor_core.evaluation.run import evaluate

    code = {"date": f"{datetime.now(timezone.utc):%Y-%m-%d}", "commit": _commit()}
    made = {
        "command": "PYTHONPATH=. python docs/make_quality.py --dataset DAVIS",
        "machine": f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}",
        "clips": {sequence.name: len(sequence) for sequence in read_dataset(dataset)},
        "code": {name: code for name in (*RUNS, "losses") if name in only},
    }
    runs = {}
    for name, run in RUNS.items():
        if name in only:
            results = evaluate(
                dataset,
                protocols=[run.protocol],
                variants=run.variants,
                output=output / name,
                device=torch.device("cpu"),
                lines=run.lines,
                old_film=run.old_film,
                workers=workers,
            )
            runs[name] = {variant: _summary(row) for variant, row in results[run.protocol].items()}
    losses = {
        protocol: _measure_losses(dataset, output / "losses", protocol, workers=workers)
        for protocol in LOSSES
        if "losses" in only
    }
    return {"made": made, "runs": runs, "losses": losses}


def _summary(measurements: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a table: means over the clips, each clip's PSNR, the outlier curve and the reliability."""
    from stcolor_core.evaluation.scoring import nanmean
    from stcolor_core.evaluation.tables import merge_reliability

    scores = [asdict(measurement.score) for measurement in measurements.values()]
    means = {name: nanmean([score[name] for score in scores]) for name in scores[0] if name != "seconds"}
    merged = merge_reliability(measurements.values())
    parts = (merged.count, merged.confidence, merged.correct)
    return {
        "means": {name: None if np.isnan(value) else round(value, 6) for name, value in means.items()},
        "full": {name: round(measurement.score.full, 4) for name, measurement in measurements.items()},
        "outliers": np.mean([measurement.curve for measurement in measurements.values()], axis=0).round(6).tolist(),
        "reliability": [part.round(2).tolist() for part in parts] if merged.count.any() else None,
    }


def _measure_losses(dataset: Path, output: Path, protocol: str, *, workers: int) -> dict[str, list[float]]:
    """Return what benchmarks/losses.py measures of each clip, kept as `stcolor evaluate` keeps its measurements."""
    from stcolor_core.evaluation.dataset import read_dataset
    from stcolor_core.evaluation.measurements import fingerprint, write_text

    code = (PROJECT / "benchmarks" / "losses.py").read_text(encoding="utf-8")
    references, frames = LOSSES[protocol]
    rows, missing = {}, {}
    for sequence in read_dataset(dataset):
        path = output / f"{protocol}-{sequence.name}.json"
        key = fingerprint(settings=[EVERY, code, references, frames], files=sequence.files)
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if kept.get("fingerprint") == key:
            rows[sequence.name] = kept["row"]
        else:
            missing[sequence.name] = (sequence, path, key)
    sys.path.append(str(PROJECT))  # the processes get it too
    sequence_losses = import_module("benchmarks.losses").sequence_losses
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        sequences = [sequence for sequence, _, _ in missing.values()]
        found = executor.map(sequence_losses, sequences, repeat(EVERY), repeat(references), repeat(frames))
        for (name, (_, path, key)), row in zip(missing.items(), found, strict=True):
            rows[name] = [round(value, 3) for value in row]
            write_text(path, json.dumps({"fingerprint": key, "row": rows[name]}))
    return dict(sorted(rows.items()))


def _commit() -> str:
    call = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=7"]
    try:
        return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def tables(data: dict[str, Any]) -> dict[str, str]:
    """Return the text of every block of docs/quality.md by its name.

    Args:
        data: What docs/quality.json holds.
    """
    runs = data["runs"]
    blocks: dict[str, Callable[[], Iterable[str]]] = {
        "made": lambda: [_made(data["made"])],
        "tenth": lambda: _scores(runs["tenth"], with_confidence=True),
        "clips": lambda: _clips(runs["tenth"]),
        "more": lambda: _more(runs["tenth"]),
        "situations": lambda: _situations(runs),
        "two": lambda: _scores(runs["first+last"], with_confidence=False),
        "losses": lambda: _loss_table(data["losses"]["tenth"]),
        "asked": lambda: _asked(runs),
        "causes": lambda: _causes(data["losses"]),
    }
    return {name: "\n".join(block()) + "\n" for name, block in blocks.items()}


def render(page: str, data: dict[str, Any]) -> str:
    """Return the page with the text of every block in it.

    Args:
        page: The page.
        data: What docs/quality.json holds.
    """
    blocks = tables(data)
    named = [match[2] for match in _BLOCK.finditer(page)]
    if sorted(named) != sorted(blocks):
        raise SystemExit(f"{PAGE.name} must have each of these blocks once: {', '.join(blocks)}. It has {named}.")
    return _BLOCK.sub(lambda match: match[1] + blocks[match[2]] + match[3], page)


def draw(data: dict[str, Any]) -> None:
    """Write the outlier curve and the reliability diagram of the tenth frame as SVG.

    Args:
        data: What docs/quality.json holds.
    """
    from stcolor_core.evaluation.metrics import Reliability
    from stcolor_core.evaluation.plots import draw_outliers, draw_reliability, save_figure

    rows = {name: row for name, row in data["runs"]["tenth"].items() if "attention" not in name}
    diagrams = {}
    for name, row in rows.items():
        if row["reliability"] is not None:
            diagrams[name] = Reliability()
            for part, values in zip(("count", "confidence", "correct"), row["reliability"], strict=True):
                getattr(diagrams[name], part)[:] = values
    figures = {
        "quality-outliers": draw_outliers({name: row["outliers"] for name, row in rows.items()}),
        "quality-reliability": draw_reliability(diagrams),
    }
    for name, figure in figures.items():
        _, png = save_figure(PICTURES / name, figure)
        png.unlink()


def _made(made: dict[str, Any]) -> str:
    runs: dict[str, list[str]] = {}
    for name, code in made["code"].items():
        runs.setdefault(f"on {code['date']} with the code of commit {code['commit']}", []).append(name)
    if len(runs) == 1:
        return f"Measured {next(iter(runs))}."
    parts = [f"{code} ({', '.join(names)})" for code, names in runs.items()]
    return f"Measured {'; '.join(parts)}."


def _scores(run: dict[str, Any], *, with_confidence: bool) -> Iterable[str]:
    fields = ["full", "inner", "outer", "outliers", *(("kept", "calibration") if with_confidence else ()), "chroma"]
    heads = {"kept": "of the surest"}
    yield _row("", *(heads.get(field, field) for field in fields))
    yield "|---" * (len(fields) + 1) + "|"
    for variant, row in run.items():
        yield _row(TITLES[variant], *(_figure(field, row["means"][field]) for field in fields))


def _clips(run: dict[str, Any]) -> Iterable[str]:
    yield _row("PSNR, dB", *run["standard"]["full"])
    yield "|---" * (len(run["standard"]["full"]) + 1) + "|"
    for variant in ("realigned", "standard:rule", "standard"):
        yield _row(TITLES[variant], *(f"{value:.2f}" for value in run[variant]["full"].values()))


def _more(run: dict[str, Any]) -> Iterable[str]:
    fields = {
        "ciede2000": "CIEDE2000",
        "ciede2000_p90": "its 90th percentile",
        "ssim": "SSIM",
        "ab_psnr": "PSNR of ab",
        "colorfulness": "colourfulness",
        "cdc": "CDC",
        "flicker": "flicker",
        "wrapped_uint8_psnr": 'wrapped uint8 "PSNR"',
    }
    yield _row("", *fields.values())
    yield "|---" * (len(fields) + 1) + "|"
    truth = run["standard"]["means"]
    for variant in ("grey", "chained", "realigned", "standard:rule", "standard"):
        yield _row(TITLES[variant], *(_figure(field, run[variant]["means"][field]) for field in fields))
    exact = {"colorfulness": truth["true_colorfulness"], "cdc": truth["true_cdc"], "flicker": 1.0}
    yield _row("the truth", *(_figure(field, exact.get(field)) for field in fields))


def _situations(runs: dict[str, Any]) -> Iterable[str]:
    yield _row("keyframe", "chained flow", "re-aligned flow", "standard", "its outliers", "its flicker")
    yield "|---" * 6 + "|"
    for name, title in SITUATIONS.items():
        flows = [runs[name].get(variant) for variant in ("chained", "realigned")]
        means = runs[name]["standard"]["means"]
        cells = ["" if row is None else f"{row['means']['full']:.2f}" for row in flows]
        yield _row(
            title,
            *cells,
            f"**{means['full']:.2f}**",
            *(_figure(field, means[field]) for field in ("outliers", "flicker")),
        )


def _asked(runs: dict[str, Any]) -> Iterable[str]:
    yield _row("keyframes", "asked, dB", "reached", "short of it by", "outliers asked", "outliers reached")
    yield "|---" * 6 + "|"
    for name, (title, full, outliers) in ASKED.items():
        means = runs[name]["standard"]["means"]
        yield _row(
            title,
            f"{full:.1f}",
            _figure("full", means["full"]),
            f"{full - means['full']:.2f}",
            "" if outliers is None else f"{outliers:.1f} %",
            _figure("outliers", means["outliers"]),
        )


def _causes(losses: dict[str, dict[str, list[float]]]) -> Iterable[str]:
    yield _row("keyframes", *CAUSES, "PSNR", "of the best candidates", "left neutral, % of the pixels", "of the error")
    yield "|---" * (len(CAUSES) + 5) + "|"
    for protocol, rows in losses.items():
        mean = np.mean(list(rows.values()), axis=0)[len(CAUSES) :]
        yield _row(ASKED[protocol][0], *(f"{value:.1f}" for value in mean))


def _loss_table(losses: dict[str, list[float]]) -> Iterable[str]:
    yield _row("share of the squared error, %", *CAUSES, "PSNR", "of the best candidates")
    yield "|---" * (len(CAUSES) + 3) + "|"
    mean = np.mean(list(losses.values()), axis=0)
    for name, row in (*losses.items(), ("mean", mean)):
        yield _row(name, *(f"{value:.1f}" for value in row[len(CAUSES) : 2 * len(CAUSES) + 2]))
    right, choice, fast, in_sight, hidden, own, best = mean[len(CAUSES) : 2 * len(CAUSES) + 2]
    hidden, choice, rest = (f"{100 * part / (100 - right):.0f} %" for part in (hidden, choice, fast + in_sight))
    yield from (
        "",
        f"So {right:.0f} % of the error lies in pixels that count as right (our guess: noisy chroma of JPEG).",
        f"Of the rest, {hidden} is where the surface was out of sight, so that no candidate has its colour, and",
        f"{choice} where a candidate has the colour and is not taken, which is worth {best - own:.1f} dB at most. Fast",
        f"motion and a changed look make up the other {rest}.",
    )


def _figure(field: str, value: float | None) -> str:
    if value is None:
        return ""
    if field in ("outliers", "kept"):
        return f"{value:.1f} %"
    digits = {"ssim": 4, "cdc": 5, "colorfulness": 1}.get(field, 2)
    return f"{value:.{digits}f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and write, or write only."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, help="the folder of the DAVIS clips, with their masks beside it")
    parser.add_argument("--workers", type=int, default=1, help="clips at once, each in a process")
    parser.add_argument("--output", type=Path, default=PROJECT / "quality", help="keeps what is measured (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=[*RUNS, "losses"], help="measure these again, and keep the rest")
    parser.add_argument("--render", action="store_true", help="measure nothing, write page and pictures again")
    options = parser.parse_args()
    if not options.render:
        if options.dataset is None:
            parser.error("give --dataset, or --render")
        data = measure(options.dataset, options.output, workers=options.workers, only=options.only or [*RUNS, "losses"])
        if options.only and DATA.is_file():
            kept = json.loads(DATA.read_text(encoding="utf-8"))
            data["runs"] = {name: data["runs"].get(name, kept["runs"].get(name)) for name in RUNS}
            data["losses"] = data["losses"] or kept["losses"]
            data["made"]["code"] = kept["made"]["code"] | data["made"]["code"]
        DATA.write_text(json.dumps(data) + "\n", encoding="utf-8")
    data = json.loads(DATA.read_text(encoding="utf-8"))
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), data), encoding="utf-8")
    draw(data)


if __name__ == "__main__":
    main()
