"""The features that scene cuts are found by, loaded once for all tests."""

from __future__ import annotations

from stcolor_core.pipeline.planning import scene_describer

__all__ = ["describe"]

describe = scene_describer()
