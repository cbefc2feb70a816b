"""A training run: weights, their running mean, the optimiser, and the checkpoints and curve on disk."""

from __future__ import annotations

import copy
import csv
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Generic, TypeVar, cast

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from stcolor_core.errors import OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.given_paths import is_folder

__all__ = ["LEAST_ERROR", "Run", "RunSettings", "Schedule", "check_output", "save_weights"]

_log = logging.getLogger(__name__)

LEAST_ERROR = 3e-5  # mean squared error in sRGB, 45 dB: below it, an error only measures the noise of the truth
_WARM_UP = 100  # training steps until the full rate
_LAST = 0.02  # share of the full rate at the end
_MOMENTS = ("exp_avg", "exp_avg_sq")
_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings that every training run has.

    Attributes:
        steps: Number of training steps.
        seed: Seed of all random numbers.
        every: Number of training steps between two validations, each with a checkpoint.
        held_out: Names of the validation clips; if empty, training clips are used.
    """

    steps: int
    seed: int = 1
    every: int = 1000
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The schedule of AdamW, with a learning rate that falls along a cosine.

    Attributes:
        steps: Number of training steps.
        rate: Full learning rate.
        averaging: Decay of the running mean of the weights at each training step, 0..1.
    """

    steps: int
    rate: float
    averaging: float = 0.998


def save_weights(weights: Mapping[str, Tensor], output: Path) -> None:
    """Write weights as float16.

    Args:
        weights: Tensors by name.
        output: The safetensors file.
    """
    with atomic_path(output) as partial:
        save_file({name: value.half().cpu().contiguous() for name, value in weights.items()}, partial)
        partial.chmod(0o644)  # as any file of the package; safetensors makes it readable by its owner only


def check_output(output: Path) -> None:
    """Check that weights can have this file's name.

    Args:
        output: The safetensors file.

    Raises:
        OutputError: If it is a folder.
    """
    if is_folder(output):
        raise OutputError(f"{output} is a folder. Give --output a file, such as weights.safetensors.")


class Run(Generic[_Network]):
    """The training of a network, with its mean weights, its curve and its latest state on disk.

    Attributes:
        network: The network in training.
    """

    def __init__(
        self, network: _Network, output: Path, schedule: Schedule, *, rates: Mapping[str, float] | None = None
    ) -> None:
        """Prepare a run, and check that its files can be written.

        Args:
            network: The network to train; it is changed in place.
            output: File of the mean weights, float16; the curve and the state get its name with other endings.
            schedule: The schedule.
            rates: Learning rates of single parameters by name, relative to the schedule's; None for 1 throughout.

        Raises:
            OutputError: If `output` is a folder, or no file can be written next to it.
        """
        check_output(output)
        self.network = network
        self._output, self._schedule = output, schedule
        self._mean = AveragedModel(network, avg_fn=self._update_mean, use_buffers=True)
        self._mean.n_averaged.fill_(1)  # the weights that it starts from
        groups = [
            {"params": [parameter], "relative_rate": (rates or {}).get(name, 1.0)}
            for name, parameter in network.named_parameters()
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=schedule.rate, weight_decay=1e-4)
        self._losses: list[float] = []
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            self._curve_file().touch()
        except OSError as error:
            raise OutputError(f"{output} cannot be written ({error.strerror}). Give another --output.") from None

    def step(self, loss: Tensor, step: int) -> None:
        """Update the weights and their mean by one training step.

        Args:
            loss: The loss to minimise, a scalar.
            step: Index of the training step, from 0.
        """
        share = min(1.0, (step + 1) / _WARM_UP) * (
            _LAST + (1 - _LAST) * (1 + cos(pi * step / self._schedule.steps)) / 2
        )
        for group in self._optimiser.param_groups:
            group["lr"] = self._schedule.rate * share * group["relative_rate"]
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self._losses.append(float(loss.detach()))
        self._mean.update_parameters(self.network)

    def averaged(self) -> _Network:
        """Return a copy of the network with the mean weights, in evaluation mode."""
        return cast(_Network, copy.deepcopy(self._mean.module).eval())

    def save_checkpoint(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the weights, the state to continue from, and a row of the curve.

        Args:
            step: Number of training steps done.
            figures: Validation figures by name.
        """
        row = {"step": step, "loss": float(np.mean(self._losses)), **figures}
        self._losses.clear()
        _log.info("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
        mean = self._mean.module.state_dict()
        save_weights(mean, self._output)
        state = {f"weights.{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        state |= {f"mean.{name}": value.contiguous() for name, value in mean.items()}
        state |= {
            f"{moment}.{name}": self._optimiser.state[parameter][moment].contiguous()
            for name, parameter in self.network.named_parameters()
            for moment in _MOMENTS
        }
        with atomic_path(self._state_file()) as partial:
            save_file(state, partial, metadata={"step": json.dumps(step)})
        self._write_row(row)

    def resume(self) -> int:
        """Load the latest state, if there is one.

        Returns:
            Index of the next training step; 0 without a state.
        """
        if not self._state_file().is_file():
            return 0
        with safe_open(self._state_file(), "pt") as file:
            step = int(json.loads((file.metadata() or {})["step"]))
        state = load_file(self._state_file())
        for kind, network in (("weights", self.network), ("mean", self._mean.module)):
            network.load_state_dict({name: state[f"{kind}.{name}"] for name in network.state_dict()})
        self._mean.n_averaged.fill_(step + 1)
        for name, parameter in self.network.named_parameters():
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(step)),
                **{moment: state[f"{moment}.{name}"].to(parameter.device) for moment in _MOMENTS},
            }
        return step

    def _update_mean(self, mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
        """Return the new running mean. It decays fast at first, as the initial weights are far from good ones."""
        return mean.lerp(value, 1 - min(self._schedule.averaging, float(count) / (9 + float(count))))

    def _state_file(self) -> Path:
        return self._output.with_name(f"{self._output.stem}.state.safetensors")

    def _curve_file(self) -> Path:
        return self._output.with_name(f"{self._output.stem}.curve.csv")

    def _write_row(self, row: Mapping[str, float]) -> None:
        with self._curve_file().open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
