"""A shot in Nuke whose jobs last as long as a test needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    return make_comp(nuke, tmp_path / "show")


@pytest.fixture
def long_comp(nuke: Any, tmp_path: Path) -> Comp:
    """One whose job lasts long enough to be met while it runs."""
    return make_comp(nuke, tmp_path / "show", frames=60, keys=(1001, 1060), step=1)


@pytest.fixture
def endless_comp(nuke: Any, tmp_path: Path) -> Comp:
    """One whose job is not done before it is cancelled, however busy the machine is."""
    return make_comp(nuke, tmp_path / "show", frames=300, keys=(1001, 1300), step=1)


@pytest.fixture
def render(nuke: Any) -> Any:
    import refcolorize.jobs.render

    return refcolorize.jobs.render
