"""`stcolor train features | refinement | confidence | cleaning`: train weights like those in `weights/`.

Where they are written must be said: those in the package, which every run reads, are never a default.

Heavy imports wait until a command runs.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import Any

from stcolor_core.cli.device_option import add_device_option

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add `train` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    train = commands.add_parser("train", help="train this package's own weights from footage")
    kinds = train.add_subparsers(
        required=True, metavar="features|refinement|confidence|cleaning", parser_class=type(train)
    )
    features = kinds.add_parser("features", help="train the matching features; minutes on a GPU, hours without one")
    refinement = kinds.add_parser("refinement", help="train the network that mixes the candidates; half an hour")
    confidence = kinds.add_parser(
        "confidence", help="train the head that corrects its confidence; changes no colour; half an hour"
    )
    cleaning = kinds.add_parser(
        "cleaning", help="train the network that cleans damaged keyframes; a quarter of an hour"
    )
    for parser in (features, refinement, confidence, cleaning):
        parser.add_argument(
            "--footage", type=Path, required=True, help="a folder of clips, each a folder of pictures or a movie"
        )
        parser.add_argument(
            "--output", type=Path, required=True, metavar="FILE", help="the weights to write, a .safetensors file"
        )
        parser.add_argument("--seed", type=int, default=1, help="random seed (%(default)s)")
        parser.add_argument(
            "--held-out", nargs="*", metavar="CLIP", help="clips to validate on only; default: a tenth of the footage"
        )
        add_device_option(parser)
    features.add_argument("--steps", type=_count, default=1800, help="training steps (%(default)s)")
    cleaning.add_argument("--steps", type=_count, default=2500, help="training steps (%(default)s)")
    for parser, walks, steps in ((refinement, 8, 2500), (confidence, 10, 400)):
        parser.add_argument("--cache", type=Path, required=True, help="folder for the samples; some GB")
        parser.add_argument(
            "--walks", type=_count, default=walks, help="runs of the pipeline over each clip (%(default)s)"
        )
        parser.add_argument("--steps", type=_count, default=steps, help="training steps (%(default)s)")
        parser.add_argument(
            "--processes", type=_count, default=os.cpu_count() or 1, help="processes that make samples (%(default)s)"
        )
    refinement.add_argument(
        "--unseen",
        action="store_true",
        help="the matching features have not learned from this footage, so run the pipeline with them; otherwise it "
        "runs with untrained ones",
    )
    refinement.add_argument(
        "--start",
        type=Path,
        metavar="WEIGHTS",
        help="tune these weights, and write the mean of them and the tuned ones; default: start from the fixed rule",
    )
    features.set_defaults(run=_features)
    refinement.set_defaults(run=_refinement)
    confidence.set_defaults(run=_confidence)
    cleaning.set_defaults(run=_cleaning)


def _features(options: argparse.Namespace) -> int:
    from stcolor_core.pipeline.devices import resolve_device
    from stcolor_core.training.features import Settings, make

    _show_progress()
    settings = Settings(steps=options.steps, seed=options.seed, held_out=_held_out(options))
    make(options.footage, options.output, settings, device=resolve_device(options.device))
    return 0


def _refinement(options: argparse.Namespace) -> int:
    from stcolor_core.pipeline.devices import resolve_device
    from stcolor_core.training.refinement import Settings, check_start, train
    from stcolor_core.training.samples import make_samples

    _show_progress()
    device, held_out, output = resolve_device(options.device), _held_out(options), options.output
    settings = Settings(steps=options.steps, seed=options.seed, held_out=held_out, start=options.start)
    check_start(settings, output)  # before minutes of making samples
    samples = make_samples(
        options.footage,
        options.cache,
        walks_per_clip=options.walks,
        seed=options.seed,
        processes=options.processes,
        unseen=options.unseen,
        held_out=held_out,
    )
    train(samples, output, settings, device=device)
    return 0


def _confidence(options: argparse.Namespace) -> int:
    from stcolor_core.pipeline.devices import resolve_device
    from stcolor_core.training.confidence import Settings, train
    from stcolor_core.training.samples import make_samples

    _show_progress()
    device, held_out = resolve_device(options.device), _held_out(options)
    samples = make_samples(
        options.footage,
        options.cache,
        walks_per_clip=options.walks,
        seed=options.seed,
        processes=options.processes,
        misled=True,
        held_out=held_out,
    )
    settings = Settings(steps=options.steps, seed=options.seed, held_out=held_out)
    train(samples, options.output, settings, device=device)
    return 0


def _cleaning(options: argparse.Namespace) -> int:
    from stcolor_core.pipeline.devices import resolve_device
    from stcolor_core.training.cleaning import Settings, train

    _show_progress()
    settings = Settings(steps=options.steps, seed=options.seed, held_out=_held_out(options))
    train(options.footage, options.output, settings, device=resolve_device(options.device))
    return 0


def _held_out(options: argparse.Namespace) -> tuple[str, ...]:
    from stcolor_core.evaluation.dataset import sequence_names
    from stcolor_core.training.clips import held_out

    return held_out(sequence_names(options.footage), options.held_out)


def _count(text: str) -> int:
    """Return a whole number of at least 1."""
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few; give 1 or more")
    return count


def _show_progress() -> None:
    logging.getLogger("stcolor_core.training").setLevel(logging.INFO)
