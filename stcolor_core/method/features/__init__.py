"""Matching features: unit vectors on the matching grid, computed from a picture's L*.

See docs/method.md, "Matching features".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Extractor"]


class Extractor(Protocol):
    """Computes the features that tracking and warping match by (Akimoto et al. 2020, eq. 4).

    Features are (C, h, w) float32 with h = ceil(H / stride) and w = ceil(W / stride): centred over positions, then of
    unit length over C.

    Attributes:
        stride: Pixels per side of a cell of the matching grid.
    """

    stride: int

    def target(self, lightness: Tensor) -> Tensor:
        """Return the features of a frame to colour.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:
        """Return the features of a reference.

        Args:
            lightness: L*, shape (H, W), 0..100.
            ab: a* and b*, shape (2, H, W), for models that use a reference's colour; None to use L* alone.
        """

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Return a frame's features as a target and as a reference, for tracking between neighbouring frames.

        Costs as much as one of the two.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """
