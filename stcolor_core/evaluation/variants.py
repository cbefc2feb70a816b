"""The methods that the tables compare, by name.

A variant is a baseline's name (`grey`, `propagation`, `chained`, `realigned`, `deepremaster`), or a model with options
after colons: `standard`, `standard:none`, `exemplar:instance+dense`; `:attention` leaves the flow out, `:rule` mixes
the candidates by the fixed rule, `:raft_small` and `:raft_large` track by RAFT. `mean(V)` and `linear(V)` blend the
results of V from each reference alone. `instance` takes the true masks of the data set as the instances.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, get_args

import torch

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import baselines
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.deepremaster import color_by_deepremaster
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.models import registry
from stcolor_core.shots.settings import TRACKINGS, Method, OpticalFlow, Tracking
from stcolor_core.shots.spans import plan

__all__ = ["VARIANTS", "Result", "color_clip", "parse_model", "require_variant", "tracks_densely"]

_BASELINES: dict[str, Callable[..., Iterator[Chroma]]] = {
    "grey": baselines.leave_grey,
    "propagation": baselines.propagate_color,
    "chained": baselines.warp_by_chained_flow,
    "realigned": baselines.warp_by_realigned_flow,
}
VARIANTS = (
    *_BASELINES,
    *(f"standard:{tracking}:attention" for tracking in TRACKINGS),
    "standard:rule",
    "standard",
)
_DEEPREMASTER = "deepremaster"
_BLEND = re.compile(r"(mean|linear)\((.+)\)")

Result: TypeAlias = tuple[int, Chroma, Plane | None]
"""Frame index, its a* and b* (H, W, 2), and its confidence (H, W), 0..1, or None if the method has none."""


def require_variant(variant: str, reference_count: int) -> None:
    """Check that a variant exists and can be used with so many references.

    Args:
        variant: See the module's docstring.
        reference_count: How many references the protocol has.

    Raises:
        BadRequest: If the variant is unknown, or blends without two references.
    """
    blend = _BLEND.fullmatch(variant)
    if blend is not None and reference_count != 2:
        raise BadRequest(f"The variant {variant} blends two references. Use it with a protocol that has two.")
    if (blend[2] if blend else variant) not in (*_BASELINES, _DEEPREMASTER):
        parse_model(blend[2] if blend else variant)


def color_clip(clip: Clip, references: Sequence[int], variant: str, *, device: torch.device) -> Iterator[Result]:
    """Yield frame, a* and b*, and the confidence, of every frame that is not a reference, in any order.

    Args:
        clip: The clip with its true colour.
        references: Frame indices that take their true colour.
        variant: A baseline or a model with options, see the module's docstring.
        device: Device that a model runs on.

    Raises:
        BadRequest: If the variant is unknown, or blends without two references.
    """
    require_variant(variant, len(references))
    blend = _BLEND.fullmatch(variant)
    if blend is None:
        yield from _color_without_blending(clip, references, variant, device)
        return
    parts = []
    for reference in references:
        own = {index: ab for index, ab, _ in _color_without_blending(clip, (reference,), blend[2], device)}
        parts.append([clip.ab[index] if index == reference else own[index] for index in range(len(clip.rgb))])
    mixed = (
        baselines.blend_mean(parts[0], parts[1])
        if blend[1] == "mean"
        else baselines.blend_linear(parts[0], parts[1], (references[0], references[1]))
    )
    yield from ((index, ab, None) for index, ab in enumerate(mixed) if index not in references)


def _color_without_blending(
    clip: Clip, references: Sequence[int], variant: str, device: torch.device
) -> Iterator[Result]:
    if variant in _BASELINES:
        known = {index: (clip.lightnesses[index], clip.ab[index]) for index in references}
        results = enumerate(_BASELINES[variant](clip.lightnesses, known))
        yield from ((index, ab, None) for index, ab in results if index not in references)
        return
    if variant == _DEEPREMASTER:
        yield from ((index, ab, None) for index, ab in color_by_deepremaster(clip, references, device=device))
        return
    name, method, fixed_rule = parse_model(variant)
    refinement = FixedRuleRefinement() if fixed_rule else None
    model = registry.build(name, device=device, refinement=refinement, optical_flow=method.optical_flow)
    propagator = Propagator(model, method, device=device)
    for span in plan(range(len(clip.rgb)), references, [], per_frame=method.references):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch):
                yield colored.frame, colored.ab, colored.confidence


def tracks_densely(variant: str) -> bool:
    """Return whether a variant is a model with dense tracking.

    Args:
        variant: See the module's docstring.
    """
    return (
        variant not in (*_BASELINES, _DEEPREMASTER)
        and not _BLEND.fullmatch(variant)
        and parse_model(variant)[1].uses_dense
    )


def parse_model(variant: str) -> tuple[str, Method, bool]:
    """Return the model's name, the settings, and whether the fixed rule mixes its candidates.

    "attention" shows what the features alone can do: without flow, and with the fixed rule.

    Args:
        variant: A model with options, see the module's docstring.

    Raises:
        BadRequest: If there is no such model or option.
    """
    model, *options = variant.split(":")
    flows = get_args(OpticalFlow)
    unknown = [option for option in options if option not in (*TRACKINGS, *flows, "attention", "rule")]
    entry = registry.ENTRIES.get(model)
    if unknown or entry is None or entry.build is None:
        raise BadRequest(f"The variant {variant!r} is unknown. Use one like {', '.join(VARIANTS)}, or exemplar:dense.")
    tracking: Tracking = next((name for name in TRACKINGS if name in options), "dense")
    fixed_rule = model == "standard" and ("rule" in options or "attention" in options)
    optical_flow: OpticalFlow = next((name for name in flows if name in options), "dis")
    method = Method(model=model, tracking=tracking, flow="attention" not in options, optical_flow=optical_flow)
    return model, method, fixed_rule
