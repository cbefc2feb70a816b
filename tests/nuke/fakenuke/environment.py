"""`nuke.env`."""

from __future__ import annotations

import sys
from typing import Any

from .session import Session

__all__ = ["Environment"]


class Environment:
    """The facts about this Nuke, by name."""

    __slots__ = ("_values",)

    def __init__(self, session: Session, major: int, minor: int) -> None:
        self._values: dict[str, Any] = {
            "gui": session.gui,
            "interactive": session.gui,
            "NukeVersionMajor": major,
            "NukeVersionMinor": minor,
            "NukeVersionString": session.version_text.replace(" ", ""),
            "nukex": False,
            "studio": False,
            "nc": False,
            "ple": False,
            "indie": False,
            "WIN32": sys.platform == "win32",
            "MACOS": sys.platform == "darwin",
            "LINUX": sys.platform.startswith("linux"),
            "ExecutablePath": sys.executable,
        }

    def __getitem__(self, index: str) -> Any:
        return self._values[index]

    def __contains__(self, other: str) -> bool:
        return other in self._values

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def keys(self) -> list[str]:
        return list(self._values)

    def values(self) -> list[Any]:
        return list(self._values.values())

    def items(self) -> list[tuple[str, Any]]:
        return list(self._values.items())
