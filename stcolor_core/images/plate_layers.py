"""Find the channels of a file that hold the picture: render passes are layers of one part, or parts of one file.

A layer is named by what stands before the last dot of its channel names (`albedo.R`); in a file of several parts, the
name of the part comes first. Channels without a layer are called bare; their layer is "".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["PREFERRED", "Layer", "describe_lack", "list_layers", "select_layer"]

# The names that renderers and Nuke give to the whole picture among its passes: Arnold RGBA, Blender Combined, V-Ray and
# Redshift beauty or main, RenderMan and Houdini C.
PREFERRED = ("beauty", "rgba", "rgb", "combined", "main", "c", "color", "colour")
_COMPONENTS = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a file.

    Attributes:
        name: Its name; "" for bare channels.
        part: Index of its part in the file.
        picture: The names of its R, G and B, else of its Y, else of its first channel that is not alpha.
        components: Short lower-case names of its channels, such as "r" or "a".
        is_id: Whether its channels hold ids, such as Cryptomatte's, and not a picture.
        alpha: The name of its alpha channel; None if it has none, or nothing else.
    """

    name: str
    part: int
    picture: tuple[str, ...]
    components: frozenset[str]
    is_id: bool = False
    alpha: str | None = None

    @property
    def is_picture(self) -> bool:
        """Return whether the layer is a picture: it has R, G and B, or Y without X, and holds no ids."""
        return not self.is_id and (self._is_rgb or self._is_luminance)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Return the sort key of `list_layers`: the lowest rank is the layer to read first."""
        if self.is_id:
            return 6, 0, ""
        if self.name == "" and self.is_picture:
            return (0 if self._is_rgb else 1), 0, ""
        words = self.name.casefold().split(".")
        matches = [index for index, word in enumerate(PREFERRED) if word in words]
        if self.is_picture and matches:
            return 2, matches[0], self.name.casefold()
        if self._is_rgb:
            return 3, 0, self.name.casefold()
        return (5 if self.components == {"a"} else 4), 0, ""

    @property
    def _is_rgb(self) -> bool:
        return self.components >= {"r", "g", "b"}

    @property
    def _is_luminance(self) -> bool:
        return "y" in self.components and "x" not in self.components


def list_layers(parts: Iterable[tuple[int, str, Sequence[str]]], *, ids: Collection[str] = ()) -> tuple[Layer, ...]:
    """Return the layers of a file, the one to read first at the start.

    The order: bare R, G and B; bare Y; layers with one of the `PREFERRED` names; other R, G and B by name; the rest in
    the order of the file, with layers that are only alpha, and then ids, at the end.

    Args:
        parts: Index, name and channel names of each part; the name is "" if it has none or if there is only one part.
        ids: Prefixes of the names of layers that hold ids.
    """
    layers = [
        _make_layer(
            _layer_name(part_name, prefix), part, components, is_id=bool(prefix) and prefix.startswith(tuple(ids))
        )
        for part, part_name, channels in parts
        for prefix, components in _group_channels(channels).items()
    ]
    return tuple(sorted(layers, key=lambda layer: layer.rank))


def select_layer(layers: Sequence[Layer], name: str) -> Layer | None:
    """Return the layer of a name; if none matches exactly, the first that differs only in upper and lower case.

    Args:
        layers: The layers to search.
        name: The layer's name; "" for bare channels.

    Returns:
        The layer, or None if there is none.
    """
    exact = [layer for layer in layers if layer.name == name]
    similar = [layer for layer in layers if layer.name.casefold() == name.casefold()]
    return next(iter(exact + similar), None)


def describe_lack(channels: Sequence[str], picture: Sequence[str]) -> str:
    """Return which of R, G and B a layer lacks if it has one or two of them, as of a picture; "" if it does not.

    Args:
        channels: The channel names of its part.
        picture: The names of the layer's picture.
    """
    found = _group_channels(channels).get(picture[0].rpartition(".")[0], {})
    own = [found[color] for color in "rgb" if color in found]
    if len(own) == 3 or picture[0] not in own:
        return ""
    lacking = " and ".join(color.upper() for color in "rgb" if color not in found)
    return f"has {' and '.join(own)}, but no {lacking}, so that its colours are not known"


def _group_channels(channels: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return layer -> short lower-case component -> channel, all in the order of the file."""
    layers: dict[str, dict[str, str]] = {}
    for channel in channels:
        prefix, _, component = channel.rpartition(".")
        short = _COMPONENTS.get(component.lower(), component.lower())
        layers.setdefault(prefix, {}).setdefault(short, channel)
    return layers


def _layer_name(part: str, prefix: str) -> str:
    if part in ("", prefix) or prefix.startswith(f"{part}."):
        return prefix
    return f"{part}.{prefix}" if prefix else part


def _make_layer(name: str, part: int, components: dict[str, str], *, is_id: bool) -> Layer:
    names = tuple(components)
    if all(color in components for color in "rgb"):
        names = ("r", "g", "b")
    elif "y" in components and ("x" not in components or name == ""):
        names = ("y",)
    else:
        names = (next((component for component in names if component != "a"), names[0]),)
    picture = tuple(components[component] for component in names)
    alpha = components.get("a")
    return Layer(
        name=name,
        part=part,
        picture=picture,
        components=frozenset(components),
        is_id=is_id,
        alpha=None if alpha in picture else alpha,
    )
