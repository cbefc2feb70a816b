"""A training run: weights, their running mean, the optimiser, and what is kept on disk to look at and to go on from."""

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

__all__ = ["LEAST_ERROR", "Run", "Schedule", "save_weights"]

_log = logging.getLogger(__name__)

LEAST_ERROR = 3e-5  # of the mean square in sRGB, 45 dB: beyond, the truth's own noise is what is measured
_WARM = 100  # steps until the full rate
_LAST = 0.02  # of the full rate
_MOMENTS = ("exp_avg", "exp_avg_sq")
_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """steps of AdamW at a rate that falls along a cosine; averaging: of the running mean of the weights, a step."""

    steps: int
    rate: float
    averaging: float = 0.998


def save_weights(weights: Mapping[str, Tensor], output: Path) -> None:
    """As float16."""
    save_file({name: value.half().cpu().contiguous() for name, value in weights.items()}, output)
    output.chmod(0o644)  # as any file of the package; safetensors leaves it to its owner alone


class Run(Generic[_Network]):
    """Trains a network; its mean weights as float16 in `output`, its curve and last state beside it."""

    def __init__(
        self, network: _Network, output: Path, schedule: Schedule, *, rates: Mapping[str, float] | None = None
    ) -> None:
        """rates: of single parameters, relative to the schedule's.

        Raises OutputError where nothing can be written beside `output`: better now than at the first checkpoint.
        """
        self.network = network
        self._output, self._schedule = output, schedule
        self._mean = AveragedModel(network, avg_fn=self._mixed, use_buffers=True)
        self._mean.n_averaged.fill_(1)  # the weights that it starts from
        groups = [
            {"params": [parameter], "share": (rates or {}).get(name, 1.0)}
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
        """One step down the gradient of `loss`."""
        share = min(1.0, (step + 1) / _WARM) * (_LAST + (1 - _LAST) * (1 + cos(pi * step / self._schedule.steps)) / 2)
        for group in self._optimiser.param_groups:
            group["lr"] = self._schedule.rate * share * group["share"]
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self._losses.append(float(loss.detach()))
        self._mean.update_parameters(self.network)

    def averaged(self) -> _Network:
        """A network of the mean weights."""
        return cast(_Network, copy.deepcopy(self._mean.module).eval())

    def keep(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the weights, the curve and the state to go on from."""
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
        save_file(state, self._state_file(), metadata={"step": json.dumps(step)})
        self._write_row(row)

    def resume(self) -> int:
        """Take up the last state; the step to go on with, 0 where there is none."""
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

    def _mixed(self, mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
        """The running mean, which forgets fast at first: the weights that training starts from are far off."""
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
