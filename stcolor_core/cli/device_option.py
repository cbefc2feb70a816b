"""The option --device, which several commands take."""

from __future__ import annotations

import argparse

__all__ = ["add_device_option"]

_DEVICES = ("auto", "cpu", "cuda", "xpu", "mps")  # as `pipeline.devices.DEVICES`, which imports torch


def add_device_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, default: str | None = "auto"
) -> None:
    """Add --device to a command.

    Args:
        parser: The command's parser, or a group of its options.
        default: Its value if it is not given; None if the command must know that it was not.
    """
    parser.add_argument(
        "--device",
        choices=_DEVICES,
        default=default,
        help="default: auto, which takes a GPU if there is one that works: CUDA, Intel (xpu) or Apple (mps)",
    )
