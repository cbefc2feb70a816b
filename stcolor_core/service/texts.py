"""Texts of clients and of messages, made fit for a shot and for an answer."""

from __future__ import annotations

import unicodedata

__all__ = ["is_plain", "one_line"]


def one_line(text: str) -> str:
    """Return a message as one line that UTF-8 can encode, whatever it quotes.

    Args:
        text: Any text; halves of surrogate pairs become escapes.
    """
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


def is_plain(text: str) -> bool:
    """Return whether a text may be part of a shot: without control characters and halves of surrogate pairs.

    Args:
        text: Any text.
    """
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
