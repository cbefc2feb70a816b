"""Behaviour of real Nukes that is disputed or unknown. A test runs the plug-in under either answer.

The defaults follow practice; docs/nuke_facts.yaml has the sources.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Disputed"]


@dataclass
class Disputed:
    """One switch for each disputed fact.

    evaluated_has_frame: getEvaluatedValue() inserts the frame and view; otherwise it keeps %04d, as its docstring says.
    value_is_technical: File_Knob.value() returns %04d for ####; otherwise the text as it was written.
    saves_text_of_do_not_write: a Text_Knob with DO_NOT_WRITE still has its text in the addUserKnob line.
    knob_changed_in_terminal: a node's own knobChanged runs without a GUI too.
    recursion_enters_live_groups: nuke.allNodes with recurseGroups returns the nodes inside LiveGroups too.
    evaluate_has_variables: File_Knob.evaluate() replaces %{shot}; otherwise a graph scope variable stays as typed.
    """

    evaluated_has_frame: bool = True
    value_is_technical: bool = True
    saves_text_of_do_not_write: bool = False
    knob_changed_in_terminal: bool = True
    recursion_enters_live_groups: bool = False
    evaluate_has_variables: bool = True
