"""The panel lists the versions that are on disk, whoever has added or removed them, and the node's knob offers them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp
from qt_app import application, wait_until

qapp = application()

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("state")]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A script with v001 and v002 on disk, of which v002 is shown."""
    from refcolorize.node import node_results, own_folder

    made = make_comp(nuke, tmp_path / "show")
    own_folder.take(made.node)
    for number in (1, 2):
        add_version(made, number)
    node_results.use_version(made.node, 2)
    return made


@pytest.fixture
def panel(nuke_session: Any, comp: Comp) -> Iterator[Any]:
    opened = nuke_session.open_panel("refcolorize.panel")
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


def add_version(comp: Comp, number: int, *, shot: bool = True) -> None:
    folder = comp.results / f"v{number:03d}"
    folder.mkdir(parents=True)
    shutil.copy(comp.folder / "ref.1001.exr", folder / f"RefColorize1_v{number:03d}.1001.exr")
    if shot:
        (folder / "shot.json").write_text("{}")


def listed(panel: Any) -> list[str]:
    rows = panel.versions.list
    return [rows.topLevelItem(row).text(0)[:4] for row in range(rows.topLevelItemCount())]


CHANGES: dict[str, tuple[Callable[[Comp], object], list[str]]] = {
    "another Nuke cleans up": (lambda comp: shutil.rmtree(comp.results / "v001"), ["v002"]),
    "another Nuke colours": (lambda comp: add_version(comp, 3), ["v003", "v002", "v001"]),
    "the page makes a version": (lambda comp: add_version(comp, 3, shot=False), ["v003", "v002", "v001"]),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_versions_that_were_added_or_removed_elsewhere_are_followed(
    panel: Any, comp: Comp, change: Callable[[Comp], object], expected: list[str]
) -> None:
    wait_until(lambda: listed(panel) == ["v002", "v001"])
    wait_until(lambda: panel._snapshot.versions)
    change(comp)
    wait_until(lambda: listed(panel) == expected)
    assert comp.node["version"].values() == ["none", *reversed(expected)]
    assert comp.node["version"].value() == "v002"


def test_a_new_folder_without_a_frame_is_not_listed_before_it_has_one(panel: Any, comp: Comp) -> None:
    wait_until(lambda: panel._snapshot.versions)
    empty = comp.results / "v003"
    empty.mkdir()
    add_version(comp, 4)
    wait_until(lambda: listed(panel) == ["v004", "v002", "v001"])
    shutil.copy(comp.folder / "ref.1001.exr", empty / "RefColorize1_v003.1001.exr")
    wait_until(lambda: listed(panel) == ["v004", "v003", "v002", "v001"])


def test_the_nodes_own_clean_up_leaves_no_row_behind(panel: Any, comp: Comp, nuke_session: Any) -> None:
    wait_until(lambda: listed(panel) == ["v002", "v001"])
    wait_until(lambda: panel._snapshot.versions)
    nuke_session.artist.answers.extend(["yes", "yes"])  # its frame is no frame of the core
    comp.node["clean_up"].execute()
    assert not (comp.results / "v001").exists()
    wait_until(lambda: listed(panel) == ["v002"])
    assert comp.node["version"].values() == ["none", "v002"]
