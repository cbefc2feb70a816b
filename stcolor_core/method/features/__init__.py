"""L* of a picture -> unit features on the matching grid, by which places are told apart and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Extractor"]


class Extractor(Protocol):
    """What tracking and warping need of a model. Grids are ceil(H / stride) x ceil(W / stride).

    Lightness is (H, W) L*, 0..100; features are (C, h, w) float32, of unit length over C, centred over positions (eq.
    4).
    """

    stride: int

    def target(self, lightness: Tensor) -> Tensor:
        """Features of a frame that is to be coloured."""

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:
        """Features of a reference; ab (2, H, W) only where the model looks at its colour."""

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """(target, reference) features of one plate frame at the cost of one, for tracking between neighbours."""
