"""The settings of the colourisation, as validated data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from stcolor_core.errors import require
from stcolor_core.shots.transitions import parse_transitions

__all__ = [
    "TRACKINGS",
    "UNREFERENCED",
    "DetectorKind",
    "Light",
    "Method",
    "OpticalFlow",
    "Register",
    "Tracking",
    "Unreferenced",
]

Tracking = Literal["none", "instance", "dense", "instance+dense"]
DetectorKind = Literal["torchvision", "detectron2"]
Light = Literal["auto", "off"]
Register = Literal["auto", "off"]
OpticalFlow = Literal["dis", "raft_small", "raft_large"]
Unreferenced = Literal["match", "grey"]
TRACKINGS: tuple[Tracking, ...] = get_args(Tracking)
UNREFERENCED: tuple[Unreferenced, ...] = get_args(Unreferenced)


@dataclass(frozen=True, kw_only=True)
class Method:
    """The settings of the colourisation. The defaults suit most shots. docs/method.md explains the method.

    Attributes:
        model: A name in the registry, such as "standard" or "exemplar".
        tracking: "none", "instance", "dense" or "instance+dense". None is "dense", and "instance+dense" if there are
            mattes or if a detector's weights are installed.
        working_height: Lines at which colour is computed, at least 64; never more than the plate has.
        matching_height: The standard model's matching grid has a quarter of these lines; at least 64, and never more
            than `working_height`.
        references: Number of references that colour one frame, the nearest in time.
        temperature: Softmax temperature of eqs. 3 and 10, greater than 0; None for the model's default.
        radius: R of eq. 16 in grid cells, 1..64. None for the model's default: 9 for exemplar, as in the paper, and
            windows that follow the optical flow for standard (docs/method.md, Tracking).
        threshold: Threshold of binarize in eq. 15, between 0 and 1; values must be strictly greater.
        exact: Restart eq. 15 for every target frame, O(N^2), instead of composing the maps of neighbouring frames,
            O(N); and compute attention over all positions instead of shortlists.
        matte_threshold: Threshold of eq. 13, between 0 and 1.
        iou_threshold: Least overlap of one instance in neighbouring frames (eq. 12), between 0 and 1.
        flow: Carry colour along optical flow as well (standard model); False leaves only the attention.
        optical_flow: The optical flow that tracks frames: "dis", or torchvision's "raft_small" or "raft_large", with
            weights from the registry.
        chroma: Factor on a* and b* of the result, 0..4. The published script of the exemplar model used 1.25.
        color_features: Compute the features of a reference from its colour picture, as in the training of the exemplar
            model's published weights. None for the model's default; the paper's text has False.
        detector: Finds instances if there are no mattes: "torchvision", with weights from the registry, or
            "detectron2", which needs `detector_weights` and `detector_config`.
        detector_weights: A local file of weights for detectron2.
        detector_config: A local configuration file for detectron2.
        register: "auto" registers a keyframe that does not fit its plate frame, such as one that was moved, scaled or
            relit, or that shows a neighbouring frame; "off" uses it as it is.
        cuts: "auto" finds scene cuts and dissolves, "none" assumes that there are none; or the first frames of new
            scenes, and dissolves as first-last: "1020,1050-1062".
        unreferenced: How to colour a scene without a reference if there is no still: "match" takes the colour of what
            looks alike on the references of other scenes, "grey" leaves it grey.
        light: "auto" follows changes of light (standard model), so that colour keeps its hue and saturation in a fade
            or a shadow, and leaves black without colour; "off" carries a* and b* unchanged.
        keep_chroma: Weight of the colour that a faded plate still has, 0..1, beside the confidence of the keyframes'
            colour; 0 takes only the plate's luminance.
    """

    model: str = "standard"
    tracking: Tracking | None = None
    working_height: int = 432
    matching_height: int = 216
    references: int = 2
    temperature: float | None = None
    radius: int | None = None
    threshold: float = 0.2
    exact: bool = False
    matte_threshold: float = 0.5
    iou_threshold: float = 0.3
    flow: bool = True
    chroma: float = 1.0
    color_features: bool | None = None
    detector: DetectorKind = "torchvision"
    detector_weights: str | None = None
    detector_config: str | None = None
    cuts: str = "auto"
    register: Register = "auto"
    unreferenced: Unreferenced = "grey"
    light: Light = "auto"
    keep_chroma: float = 0.0
    optical_flow: OpticalFlow = "dis"

    def __post_init__(self) -> None:
        require(
            self.tracking in (None, *TRACKINGS),
            f"Tracking {self.tracking!r} is unknown. Use one of {', '.join(TRACKINGS)}.",
        )
        require(self.register in get_args(Register), f"Register {self.register!r} is unknown. Use auto or off.")
        require(
            self.optical_flow in get_args(OpticalFlow),
            f"The optical flow {self.optical_flow!r} is unknown. Use one of {', '.join(get_args(OpticalFlow))}.",
        )
        require(self.working_height >= 64, "The working height must be at least 64 lines.")
        require(self.matching_height >= 64, "The matching height must be at least 64 lines.")
        require(self.references >= 1, "At least one reference must colour a frame.")
        require(
            self.temperature is None or (math.isfinite(self.temperature) and self.temperature > 0),
            "The temperature must be above 0.",
        )
        require(self.radius is None or 1 <= self.radius <= 64, "The radius must lie between 1 and 64 grid cells.")
        for name in ("threshold", "matte_threshold", "iou_threshold"):
            require(0 < getattr(self, name) < 1, f"The {name.replace('_', ' ')} must lie between 0 and 1.")
        require(self.light in get_args(Light), f"Light {self.light!r} is unknown. Use auto or off.")
        require(0 <= self.keep_chroma <= 1, "The weight of the plate's own chroma must lie between 0 and 1.")
        require(0 <= self.chroma <= 4, "The chroma factor must lie between 0 and 4.")
        if self.cuts != "auto":
            parse_transitions(self.cuts)
        require(
            self.unreferenced in UNREFERENCED,
            f"The choice {self.unreferenced!r} for scenes without a reference is unknown. Use match or grey.",
        )

    @property
    def uses_dense(self) -> bool:
        """Return whether dense tracking restricts attention. It does unless another tracking was chosen."""
        return self.tracking in (None, "dense", "instance+dense")

    @property
    def uses_instances(self) -> bool:
        """Return whether instances restrict attention. False if `tracking` is None, which a run resolves first."""
        return self.tracking in ("instance", "instance+dense")
