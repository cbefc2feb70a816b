"""Convolutions and matrix products by oneDNN, which torch uses for some of them only.

On a CPU with one thread torch computes 1 x 1 convolutions without oneDNN, applies activations in a pass of their own,
and leaves matrix products to MKL, which is half as fast on processors that are not Intel's. Each function here asks
oneDNN directly, if it can, and else does the same in torch. The results differ by rounding.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Activation", "conv2d", "inner_products"]

Activation: TypeAlias = Literal["none", "relu", "relu6"]
"""What follows a convolution."""

_FUSED = {"none": ("none", []), "relu": ("relu", []), "relu6": ("hardtanh", [0.0, 6.0])}  # oneDNN's names, with bounds


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
    groups: int = 1,
    activation: Activation = "none",
) -> Tensor:
    """Return a convolution and the activation after it, in one pass if it runs on a CPU without gradients.

    Args:
        x: Shape (N, C, H, W), dense in either layout; the result has the same.
        weight: Shape (C', C / groups, h, w).
        bias: Shape (C',).
        stride: Of both axes.
        padding: Rows and columns of zeros on each side.
        dilation: Of both axes.
        groups: As in `torch.nn.functional.conv2d`.
        activation: Applied to the result.
    """
    if _can_use(x, weight):
        name, bounds = _FUSED[activation]
        steps = [stride, stride]
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, list(padding), steps, [dilation, dilation], groups, name, bounds, ""
        )
        return fused
    out = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    if activation == "relu":
        return out.relu_()
    return out.clamp_(0, 6) if activation == "relu6" else out


def inner_products(rows: Tensor, others: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the inner product of each row of one matrix with each row of another: (M, K) and (N, K) -> (M, N).

    Args:
        rows: Shape (M, K).
        others: Shape (N, K), dense.
        bias: Added to each row, shape (N,).
    """
    if _can_use(rows, others):
        products: Tensor = torch.ops.mkldnn._linear_pointwise(rows.contiguous(), others, bias, "none", [], "")
        return products
    return F.linear(rows, others, bias)


def _can_use(*tensors: Tensor) -> bool:
    """Return whether oneDNN takes these tensors: its functions here have no gradients."""
    plain = all(x.device.type == "cpu" and x.dtype == torch.float32 for x in tensors)
    # A worker thread has gradients enabled, whatever its caller decided: what counts is whether any is needed.
    learns = torch.is_grad_enabled() and any(x.requires_grad for x in tensors)
    return plain and not learns and _has_onednn()


@cache
def _has_onednn() -> bool:
    """Return whether this build of torch has oneDNN's functions; Apple's builds do not."""
    names = ("_convolution_pointwise", "_linear_pointwise")
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and all(hasattr(torch.ops.mkldnn, name) for name in names)
