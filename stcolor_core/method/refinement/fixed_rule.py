"""The standard model's fixed rule for mixing flow and attention, from which the learned refinement starts."""

from __future__ import annotations

from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.candidates import collect_candidates, fixed_rule_state, mix_candidates

__all__ = ["FixedRuleRefinement"]


class FixedRuleRefinement:
    """Prefers visible flow, then attention over tracked positions, then attention anywhere."""

    recurrent = False
    reach = 0

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:  # noqa: ARG002  (part of the interface)
        """Return the frame's colour and its confidence.

        Args:
            evidence: The evidence for it.
            previous: Ignored.
        """
        candidates = collect_candidates(evidence)
        return mix_candidates(evidence, candidates, candidates.prior, confidence=candidates.confidence)

    def walk_state(self, evidence: Evidence) -> WalkState:
        """Return the state that a frame passes on, which is the fixed rule's.

        Args:
            evidence: The evidence for the frame.
        """
        return fixed_rule_state(evidence, collect_candidates(evidence))
