"""The option --device, which several commands take."""

from __future__ import annotations

import argparse

from stcolor_core.pipeline.device_names import DEVICES, refuse_absent

__all__ = ["add_device_option"]


def add_device_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, default: str | None = "auto"
) -> None:
    """Add --device to a command. A device that cannot be there is refused at once, before torch is imported.

    Args:
        parser: The command's parser, or a group of its options.
        default: Its value if it is not given; None if the command must know that it was not.
    """
    parser.add_argument(
        "--device",
        type=_present,
        choices=DEVICES,
        default=default,
        help="default: auto, which takes a GPU if there is one that works: CUDA, Intel (xpu) or Apple (mps)",
    )


def _present(name: str) -> str:
    if name in DEVICES:
        refuse_absent(name)
    return name
