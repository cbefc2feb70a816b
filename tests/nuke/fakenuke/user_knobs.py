"""The kinds of knobs that addUserKnob makes, by their numbers."""

from __future__ import annotations

from . import arrays, knobs, texts, vectors
from .enumerations import Enumeration_Knob

__all__ = ["KINDS"]

KINDS: dict[int, type[knobs.Knob]] = {
    1: texts.EvalString_Knob,
    2: texts.File_Knob,
    3: arrays.Int_Knob,
    4: Enumeration_Knob,
    6: arrays.Boolean_Knob,
    7: arrays.Double_Knob,
    12: vectors.XY_Knob,
    13: vectors.XYZ_Knob,
    14: vectors.WH_Knob,
    18: vectors.Color_Knob,
    19: vectors.AColor_Knob,
    20: knobs.Tab_Knob,
    22: texts.PyScript_Knob,
    26: texts.Text_Knob,
    30: vectors.UV_Knob,
    41: knobs.Link_Knob,
    43: texts.Multiline_Eval_String_Knob,
}
