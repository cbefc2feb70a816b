"""The layers and channels of a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["BUILT_IN", "Layers", "layer_class"]

BUILT_IN: dict[str, tuple[str, ...]] = {
    "rgba": ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
    "rgb": ("rgba.red", "rgba.green", "rgba.blue"),
    "alpha": ("rgba.alpha",),
    "depth": ("depth.Z",),
    "motion": ("forward.u", "forward.v", "backward.u", "backward.v"),
    "forward": ("forward.u", "forward.v"),
    "backward": ("backward.u", "backward.v"),
    "mask": ("mask.a",),
    "rotopaint_mask": ("rotopaint_mask.a",),
}
_SHORT = {"red": "rgba.red", "green": "rgba.green", "blue": "rgba.blue", "alpha": "rgba.alpha"}


class Layers:
    """The layers by name, in the order in which they were made."""

    def __init__(self) -> None:
        self._layers = dict(BUILT_IN)

    def names(self) -> list[str]:
        """Return all layers."""
        return list(self._layers)

    def channels(self) -> list[str]:
        """Return all channels, each once."""
        return list(dict.fromkeys(channel for channels in self._layers.values() for channel in channels))

    def add(self, name: str, channels: Sequence[str]) -> None:
        """Make a layer, or add channels to it. Raises ValueError if a channel is not in the layer."""
        wrong = [channel for channel in channels if channel.count(".") != 1 or not channel.startswith(f"{name}.")]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not a channel of {name!r}")
        self._layers[name] = tuple(dict.fromkeys((*self._layers.get(name, ()), *channels)))

    def add_found(self, channels: Iterable[str]) -> None:
        """Make the layers for the channels of a file."""
        known = set(self.channels())
        for channel in channels:
            if channel not in known:
                self.add(channel.rpartition(".")[0], [channel])

    def made(self) -> dict[str, tuple[str, ...]]:
        """Return the layers that are not built into Nuke."""
        return {name: channels for name, channels in self._layers.items() if name not in BUILT_IN}

    def of(self, mask: str) -> list[str]:
        """Return the channels that a mask names: "all", "none", a layer, a channel, or several with spaces.

        Scripts write disabled channels with a minus: {rgba.red -rgba.green -rgba.blue none} (653 public scripts).
        """
        if mask == "all":
            return self.channels()
        found: list[str] = []
        for word in mask.strip("{}").split():
            found += self._layers.get(word) or [_SHORT.get(word, word)]
        return [channel for channel in found if channel != "none" and not channel.startswith("-")]

    def require(self, mask: str) -> None:
        """Raise an error if a mask names an unknown layer or channel."""
        known = self.channels()
        for channel in self.of(mask):
            if channel not in known:
                raise RuntimeError(f"Nothing is named '{channel}'")


def layer_class(layers: Layers) -> type:
    """Return `nuke.Layer` for a script's layers."""

    class Layer:
        """A layer, which is made if the script does not have it."""

        def __init__(self, name: str, channels: Sequence[str] = ()) -> None:
            if not isinstance(name, str):
                raise TypeError("a layer's name must be str")
            layers.add(name, channels)
            self._name = name

        def name(self) -> str:
            return self._name

        def channels(self) -> list[str]:
            return layers.of(self._name)

        def visible(self) -> bool:
            return True

    return Layer
