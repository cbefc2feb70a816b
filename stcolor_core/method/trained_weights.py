"""Weights that come with this package, read into their networks."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from stcolor_core.errors import ModelError

__all__ = ["load_trained"]

_Network = TypeVar("_Network", bound=nn.Module)


def load_trained(network: _Network, path: Path) -> _Network:
    """Return a network with its trained weights, which stay as they are.

    Args:
        network: The network; it is changed in place.
        path: The .safetensors file.

    Raises:
        ModelError: If the file is missing or damaged.
    """
    try:
        network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"The weights {path} are missing or damaged ({reason}). Reinstall stcolor.") from None
    return network.requires_grad_(False)
