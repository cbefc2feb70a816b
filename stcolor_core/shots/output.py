"""What a shot's frames are written to: their names, their layers and how they are compressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from stcolor_core.errors import require
from stcolor_core.images.compression import COMPRESSIONS, LOSSY, Compression
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.remedies import advise

__all__ = ["LAYERS", "Layer", "Output"]

Layer = Literal["rgb", "rc_ab", "rc_conf", "rc_st", "rc_source", "rc_id"]
LAYERS: tuple[Layer, ...] = get_args(Layer)


@dataclass(frozen=True, kw_only=True)
class Output:
    """The files of the coloured frames.

    Attributes:
        path: A pattern with #### or %04d that ends in .exr.
        beauty: Write R, G and B too.
        frames: Range of the frames to write, in Nuke's notation; None for all of the plate's. The others still affect
            them.
        max_span: Most frames of a span that one farm task writes; None leaves spans whole. It changes no pixel.
        reuse: Pattern of an earlier version. Frames of it that would be computed the same are copied instead.
        link: Link reused frames instead of copying them.
        layers: The layers to write (docs/outputs.md); None for all. "rgb" is R, G and B, and "rc_id" is written only if
            there are mattes. A frame on disk that has more layers is complete, one that lacks one of these is not.
        compression: Of the EXR. "dwaa" and "dwab" are lossy for R, G and B, and would destroy the ids of "rc_id".
        provenance: Write into each frame's metadata that it was coloured, by what and from which keyframes.
    """

    path: str
    beauty: bool = True
    frames: str | None = None
    max_span: int | None = None
    reuse: str | None = None
    link: bool = False
    layers: tuple[Layer, ...] | None = None
    compression: Compression = "zips"
    provenance: bool = True

    def __post_init__(self) -> None:
        require(
            self.path.lower().endswith(".exr"),
            f"The output {self.path!r} must be an EXR sequence, like out/sh010.####.exr.",
        )
        require(self.max_span is None or self.max_span >= 1, "The longest span must have at least 1 frame.")
        if self.frames is not None:
            parse_frames(self.frames)
        for layer in self.layers or ():
            require(layer in LAYERS, f"The output has no layer {layer[:40]!r}. Its layers are {', '.join(LAYERS)}.")
        require(
            self.compression in COMPRESSIONS,
            f"The compression {self.compression[:40]!r} is unknown. Use one of {', '.join(COMPRESSIONS)}.",
        )
        require(bool(self.written_layers), f"The output has no layer left. {advise('layers')}.")
        require(
            not (self.compression in LOSSY and "rc_id" in self.written_layers),
            f"The compression {self.compression} would destroy the ids of the layer rc_id. {advise('no_ids')}.",
        )

    @property
    def written_layers(self) -> frozenset[Layer]:
        """Return the layers that every frame gets, if there is something to write into them."""
        return frozenset(LAYERS if self.layers is None else self.layers) - (frozenset() if self.beauty else {"rgb"})

    @property
    def is_lossy(self) -> bool:
        """Return whether the compression changes the pixels of R, G and B."""
        return self.compression in LOSSY and "rgb" in self.written_layers
