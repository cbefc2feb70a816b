"""`nuke` for tests of the plug-in."""

from nuke_fixtures import nuke, nuke_session

__all__ = ["nuke", "nuke_session"]
