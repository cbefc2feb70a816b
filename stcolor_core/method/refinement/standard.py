"""The standard model's mix of flow and attention by a fixed rule: where the learned refinement starts from."""

from __future__ import annotations

from stcolor_core.method.refinement import Evidence, Previous, Refined
from stcolor_core.method.refinement.candidates import candidates, mixed

__all__ = ["StandardRefinement"]


class StandardRefinement:
    """Trusts flow, then tracked attention, then attention anywhere.

    The previous frame changes nothing.
    """

    recurrent = False

    def refine(self, evidence: Evidence, previous: Previous | None) -> Refined:  # noqa: ARG002  (part of the interface)
        """The frame's colour and how far to trust it; see `Refined`."""
        found = candidates(evidence)
        return mixed(evidence, found, found.prior, confidence=found.confidence)
