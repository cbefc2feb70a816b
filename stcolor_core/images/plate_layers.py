"""Which of a file's channels are the picture: render passes come as layers of one part, or as parts of one file.

A layer has the name that stands before the last point of its channels (`albedo.R`); in a file of several parts the
part's name counts as well. The channels of no layer are called bare, and their layer is "".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["PREFERRED", "Layer", "layers_of", "named"]

# What renderers and Nuke call the whole picture, beside its passes: Arnold RGBA, Blender Combined, V-Ray and Redshift
# beauty or main, RenderMan and Houdini C.
PREFERRED = ("beauty", "rgba", "rgb", "combined", "main", "c", "color", "colour")
_COMPONENTS = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a file.

    part: its number. picture: the names of its R, G and B, else of its Y, else of its first channel that is not alpha.
    is_id: its channels are Cryptomatte's, or some other id's, and no picture.
    """

    name: str
    part: int
    picture: tuple[str, ...]
    components: frozenset[str]
    is_id: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether it has R, G and B, or Y without X, and is no id."""
        return not self.is_id and (self._is_rgb or self._is_luminance)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Place in the order in which `layers_of` lists layers, the one to choose first."""
        if self.is_id:
            return 6, 0, ""
        if self.name == "" and self.is_picture:
            return (0 if self._is_rgb else 1), 0, ""
        words = self.name.casefold().split(".")
        called = [place for place, word in enumerate(PREFERRED) if word in words]
        if self.is_picture and called:
            return 2, called[0], self.name.casefold()
        if self._is_rgb:
            return 3, 0, self.name.casefold()
        return (5 if self.components == {"a"} else 4), 0, ""

    @property
    def _is_rgb(self) -> bool:
        return self.components >= {"r", "g", "b"}

    @property
    def _is_luminance(self) -> bool:
        return "y" in self.components and "x" not in self.components


def layers_of(parts: Iterable[tuple[int, str, Sequence[str]]], *, ids: Collection[str] = ()) -> tuple[Layer, ...]:
    """List the layers of a file, the one that is the picture first.

    The order: bare R, G, B; bare Y; what is called one of `PREFERRED`; other R, G, B by name; the rest as in the file,
    what is alpha alone and ids last.

    Args:
        parts: Number, name ("" for none, or where there is only one part) and channel names of each.
        ids: What the names of layers begin with that hold ids.
    """
    found = [
        _layer(_name(part_name, prefix), part, components, is_id=bool(prefix) and prefix.startswith(tuple(ids)))
        for part, part_name, channels in parts
        for prefix, components in _by_prefix(channels).items()
    ]
    return tuple(sorted(found, key=lambda layer: layer.rank))


def named(layers: Sequence[Layer], name: str) -> Layer | None:
    """The layer of that name; where none is spelt so, the first that is apart from upper and lower case."""
    exact = [layer for layer in layers if layer.name == name]
    near = [layer for layer in layers if layer.name.casefold() == name.casefold()]
    return next(iter(exact + near), None)


def _by_prefix(channels: Sequence[str]) -> dict[str, dict[str, str]]:
    """Layer -> component, short and lower case -> channel; both in the file's order."""
    layers: dict[str, dict[str, str]] = {}
    for channel in channels:
        prefix, _, component = channel.rpartition(".")
        short = _COMPONENTS.get(component.lower(), component.lower())
        layers.setdefault(prefix, {}).setdefault(short, channel)
    return layers


def _name(part: str, prefix: str) -> str:
    if part in ("", prefix) or prefix.startswith(f"{part}."):
        return prefix
    return f"{part}.{prefix}" if prefix else part


def _layer(name: str, part: int, components: dict[str, str], *, is_id: bool) -> Layer:
    names = tuple(components)
    if all(color in components for color in "rgb"):
        names = ("r", "g", "b")
    elif "y" in components and ("x" not in components or name == ""):
        names = ("y",)
    else:
        names = (next((component for component in names if component != "a"), names[0]),)
    picture = tuple(components[component] for component in names)
    return Layer(name=name, part=part, picture=picture, components=frozenset(components), is_id=is_id)
