"""The standard model's mix of flow and attention by a fixed rule: where the learned refinement starts from."""

from __future__ import annotations

from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.candidates import collect_candidates, mix_candidates

__all__ = ["FixedRuleRefinement"]


class FixedRuleRefinement:
    """Trusts flow, then tracked attention, then attention anywhere.

    The previous frame changes nothing.
    """

    recurrent = False

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:  # noqa: ARG002  (part of the interface)
        """The frame's colour and how far to trust it; see `Refined`."""
        found = collect_candidates(evidence)
        return mix_candidates(evidence, found, found.prior, confidence=found.confidence)
