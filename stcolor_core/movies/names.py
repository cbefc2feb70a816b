"""Tell movies from pictures by their names, and load PyAV only when a movie is used."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Literal

from stcolor_core.errors import BadRequest
from stcolor_core.remedies import advise

__all__ = ["MOVIE_FORMATS", "MOVIE_TYPES", "MovieEncoding", "is_movie", "load_av"]

MOVIE_TYPES = (".mov", ".mp4", ".m4v", ".mxf", ".mkv", ".avi")
"""The file types that are read as movies."""
MOVIE_FORMATS = ("prores-hq", "prores-4444", "dnxhr", "h264", "ffv1")
"""The names of the formats that are written, for `movies.formats`; here, so that the command line loads no library."""
MovieEncoding = Literal["plate", "display"]
"""How the pixels of a written movie are encoded: as the plate's are, or as a display shows them."""
_EXTRA = "'stcolor[movies]'"  # what pip installs


def is_movie(path: Path | str) -> bool:
    """Return whether a path names a movie, by its extension.

    Args:
        path: The path. The file need not exist.
    """
    return Path(path).suffix.lower() in MOVIE_TYPES


def load_av() -> ModuleType:
    """Return the module of PyAV.

    Raises:
        BadRequest: If it is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise BadRequest(
            f"Movies need PyAV, which cannot be loaded ({error}). {advise('install_package', _EXTRA)}."
        ) from None
    av.logging.set_level(None)  # FFmpeg's warnings would stand between the lines of a run; errors are exceptions
    return av
