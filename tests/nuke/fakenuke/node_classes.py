"""The node classes that the fake knows: their knobs and their inputs. A class that is not here cannot be created.

Names and defaults are those of Nuke as far as public scripts and its manual show them. Knobs that no code here uses are
left out, so that using them raises an error instead of having no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import arrays, knobs, texts
from .enumerations import Enumeration_Knob
from .knobs import Knob
from .variables import Gsv_Knob
from .vectors import AColor_Knob
from .views import MultiView_Knob

Make = Callable[[], Knob]

LUTS = ("default", "linear", "sRGB", "rec709", "Cineon", "Gamma1.8", "Gamma2.2", "Gamma2.4", "Panalog", "REDLog")
FILE_TYPES = ("", "cin", "dpx", "exr", "hdr", "jpeg", "mov", "png", "sgi", "targa", "tiff", "xpm", "yuv")
_MISSING = ("error", "black", "checkerboard", "nearest frame")
_OUTSIDE = ("hold", "loop", "bounce", "black")
_RESIZE = ("none", "width", "height", "fit", "fill", "distort")
_BBOX = ("union", "intersection", "A", "B")


@dataclass(frozen=True)
class NodeClass:
    """A node class. knobs: constructors, in order. most, shown: the most inputs, and those that a new node shows."""

    knobs: tuple[Make, ...]
    most: int = 1
    shown: int = 1


def _integer(name: str, value: int = 0) -> Make:
    return partial(_number, arrays.Int_Knob, name, value)


def _double(name: str, value: float = 0.0) -> Make:
    return partial(_number, arrays.Double_Knob, name, value)


def _number(kind: type[arrays.Array_Knob], name: str, value: float) -> Knob:
    knob = kind(name)
    knob.setDefaultValue([value] * knob.arraySize())
    return knob


def _color(name: str, value: float) -> Make:
    return partial(_number, AColor_Knob, name, value)


def _bool(name: str, value: bool = False) -> Make:
    return partial(arrays.Boolean_Knob, name, None, value)


def _choice(name: str, values: Iterable[str], value: str | None = None) -> Make:
    return partial(_enumeration, name, tuple(values), value)


def _enumeration(name: str, values: tuple[str, ...], value: str | None) -> Knob:
    knob = Enumeration_Knob(name, None, values)
    knob.setDefaultValue([float(values.index(value))] if value is not None else [0.0])
    return knob


def _text(kind: type[texts.String_Knob], name: str, value: str = "") -> Make:
    return partial(kind, name, None, value)


def _format(name: str, value: str = "") -> Make:
    return partial(knobs.Format_Knob, name, None, value)


_string = partial(_text, texts.String_Knob)
_eval = partial(_text, texts.EvalString_Knob)
_file = partial(_text, texts.File_Knob)
_channel = partial(_text, texts.Channel_Knob)
_mask = partial(_text, texts.ChannelMask_Knob)
_callback = partial(_text, texts.PythonKnob)
_button = partial(_text, texts.PyScript_Knob)

_HD = "1920 1080 0 0 1920 1080 1 HD_1080"
_2K = "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)"

# The knobs of every node.
COMMON: tuple[Make, ...] = (
    _string("name"),
    _text(texts.Multiline_Eval_String_Knob, "help"),
    *map(_callback, ("onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel")),
    _integer("tile_color"),
    _integer("gl_color"),
    _text(texts.Multiline_Eval_String_Knob, "label"),
    _file("icon"),
    _string("note_font", "Verdana"),
    _integer("note_font_size", 11),
    _integer("note_font_color"),
    _bool("selected"),
    _integer("xpos"),
    _integer("ypos"),
    _bool("hide_input"),
    _bool("cached"),
    _bool("dope_sheet"),
    _bool("bookmark"),
    _bool("postage_stamp"),
)
_DISABLE: Make = partial(arrays.Disable_Knob, "disable")
_MIX = (_double("mix", 1.0), _DISABLE)

_ROOT = (
    _file("project_directory"),
    _integer("first_frame", 1),
    _integer("last_frame", 100),
    _integer("frame", 1),
    _double("fps", 24.0),
    _bool("lock_range"),
    _format("format", _2K),
    _bool("proxy"),
    _choice("proxy_type", ("format", "scale")),
    _format("proxy_format", "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)"),
    _double("proxy_scale", 0.5),
    _choice("colorManagement", ("Nuke", "OCIO")),
    _choice("OCIO_config", ("nuke-default", "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "aces_1.2", "custom")),
    _file("customOCIOConfigPath"),
    _string("workingSpaceLUT", "linear"),
    _string("monitorLut", "sRGB"),
    _string("int8Lut", "sRGB"),
    _string("int16Lut", "sRGB"),
    _string("logLut", "Cineon"),
    _string("floatLut", "linear"),
    _string("views", "main #ffffff"),
    *map(_callback, ("onScriptLoad", "onScriptSave", "onScriptClose")),
    _callback("beforeRender"),
    _callback("afterRender"),
)
_READ = (
    _choice("file_type", FILE_TYPES),
    _file("file"),
    _format("format"),
    _file("proxy"),
    _integer("first", 1),
    _choice("before", _OUTSIDE),
    _integer("last", 1),
    _choice("after", _OUTSIDE),
    _choice("frame_mode", ("expression", "start at", "offset")),
    _eval("frame"),
    _integer("origfirst", 1),
    _integer("origlast", 1),
    _bool("origset"),
    _choice("on_error", _MISSING),
    _button("reload"),
    _choice("colorspace", LUTS),
    _bool("premultiplied"),
    _bool("raw"),
    _bool("auto_alpha"),
    _choice("localizationPolicy", ("on", "from auto-localize path", "on demand", "off"), "from auto-localize path"),
    _DISABLE,
)
_WRITE = (
    _mask("channels", "rgb"),
    _file("file"),
    _file("proxy"),
    _choice("colorspace", LUTS),
    _bool("premultiplied"),
    _bool("raw"),
    _choice("file_type", FILE_TYPES),
    _bool("create_directories"),
    _integer("render_order", 1),
    _button("Render"),
    _integer("first", 1),
    _integer("last", 1),
    _bool("use_limit"),
    partial(MultiView_Knob, "views"),
    _bool("reading"),
    _bool("checkHashOnRead", True),
    *map(_callback, ("beforeRender", "beforeFrameRender", "afterFrameRender", "afterRender")),
    _DISABLE,
)
_EXR_COMPRESSION = (
    "none",
    "Zip (1 scanline)",
    "Zip (16 scanlines)",
    "PIZ Wavelet (32 scanlines)",
    "RLE",
    "DWAA",
    "DWAB",
)

# The additional knobs of a Write when its file_type is set.
WRITE_FORMATS: dict[str, tuple[Make, ...]] = {
    "exr": (
        _choice("datatype", ("16 bit half", "32 bit float")),
        _choice("compression", _EXR_COMPRESSION, "Zip (1 scanline)"),
        _choice("metadata", ("default metadata", "no metadata", "default metadata and exr/*", "all metadata")),
        _bool("autocrop"),
        _bool("write_ACES_compliant_EXR"),
        _choice(
            "interleave",
            ("channels, layers and views", "channels and layers", "channels"),
            "channels, layers and views",
        ),
        _bool("standard_layer_name_format"),
    ),
    "png": (_choice("datatype", ("8 bit", "16 bit")),),
    "tiff": (
        _choice("datatype", ("8 bit", "16 bit", "32 bit float")),
        _choice("compression", ("none", "PackBits", "LZW", "Deflate"), "LZW"),
    ),
    "jpeg": (_double("_jpeg_quality", 0.75),),
}

CLASSES: dict[str, NodeClass] = {
    "Root": NodeClass(_ROOT, most=0, shown=0),
    "Group": NodeClass((_bool("lock_connections"), _DISABLE), most=0, shown=0),
    "LiveGroup": NodeClass((_DISABLE,), most=0, shown=0),
    "Preferences": NodeClass((partial(texts.PathRemaps_Knob, "platformPathRemaps"),), most=0, shown=0),
    "VariableGroup": NodeClass((_DISABLE, partial(Gsv_Knob, "gsv")), most=0, shown=0),
    "Input": NodeClass((_integer("number"),)),
    "Output": NodeClass(()),
    "Dot": NodeClass(()),
    "NoOp": NodeClass((_DISABLE,)),
    "Viewer": NodeClass((_integer("input_number"), _eval("frame_range")), most=10),
    "Read": NodeClass(_READ, most=0, shown=0),
    "Write": NodeClass(_WRITE),
    "Expression": NodeClass(
        (
            *(_string(f"temp_{kind}{i}") for i in range(4) for kind in ("name", "expr")),
            *(_mask(f"channel{i}", channel) for i, channel in enumerate(("red", "green", "blue", "alpha"))),
            *(_string(f"expr{i}") for i in range(4)),
            *_MIX,
        )
    ),
    "Copy": NodeClass(
        (
            *(_channel(f"{end}{i}", "none" if i else "rgba.alpha") for i in range(4) for end in ("from", "to")),
            _mask("channels", "none"),
            _choice("bbox", _BBOX),
            *_MIX,
        ),
        most=2,
        shown=2,
    ),
    "Keymix": NodeClass(
        (_mask("channels", "all"), _channel("maskChannel", "rgba.alpha"), _choice("bbox", _BBOX), *_MIX),
        most=3,
        shown=3,
    ),
    "Switch": NodeClass((_double("which"), _DISABLE), most=100),
    "Dissolve": NodeClass((_double("which"), _mask("channels", "all"), _DISABLE), most=100, shown=2),
    "Merge2": NodeClass(
        (
            _choice(
                "operation",
                (
                    "copy",
                    "difference",
                    "divide",
                    "from",
                    "max",
                    "min",
                    "minus",
                    "multiply",
                    "over",
                    "plus",
                    "screen",
                    "under",
                ),
                "over",
            ),
            _mask("Achannels", "rgba"),
            _mask("Bchannels", "rgba"),
            _mask("output", "rgba"),
            _choice("bbox", _BBOX),
            *_MIX,
        ),
        most=100,
        shown=2,
    ),
    "Grade": NodeClass(
        (
            _mask("channels", "rgb"),
            _color("blackpoint", 0),
            _color("whitepoint", 1),
            _color("black", 0),
            _color("white", 1),
            _color("multiply", 1),
            _color("add", 0),
            _color("gamma", 1),
            _bool("reverse"),
            _bool("black_clamp", True),
            _bool("white_clamp"),
            *_MIX,
        ),
        most=2,
    ),
    "Multiply": NodeClass((_mask("channels", "rgb"), _color("value", 1), *_MIX), most=2),
    "Saturation": NodeClass((_mask("channels", "rgb"), _double("saturation", 1), *_MIX), most=2),
    "Constant": NodeClass(
        (_mask("channels", "rgb"), _color("color", 0), _format("format"), _integer("first", 1), _integer("last", 1)),
    ),
    "CheckerBoard2": NodeClass(
        (_format("format"), _integer("boxsize", 64), _color("color0", 0.1), _color("color1", 0.5))
    ),
    "FrameHold": NodeClass((_integer("first_frame"), _integer("increment"), _DISABLE)),
    "TimeOffset": NodeClass((_integer("time_offset"), _bool("reverse_input"), _DISABLE)),
    "Reformat": NodeClass(
        (
            _choice("type", ("to format", "to box", "scale")),
            _format("format"),
            _integer("box_width", 200),
            _integer("box_height", 200),
            _bool("box_fixed"),
            _double("scale", 1.0),
            _choice("resize", _RESIZE, "width"),
            _bool("center", True),
            _choice("filter", ("impulse", "cubic"), "cubic"),
            _bool("black_outside"),
            _DISABLE,
        )
    ),
}


def make_knobs(class_name: str) -> dict[str, Knob]:
    """Return a new node's knobs by name. Raises KeyError for a class that the fake does not know."""
    made: list[Any] = [make() for make in (*CLASSES[class_name].knobs, *COMMON)]
    return {knob.name(): knob for knob in made}
