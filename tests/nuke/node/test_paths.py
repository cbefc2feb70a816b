"""The paths of a job's files on this host, as text and in the fake of Nuke, compared with the core's rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pytest
from comp import PLUGIN, Comp, make_comp
from refcolorize.errors import RefColorizeError
from refcolorize.node import paths

from stcolor_core.errors import BadRequest
from stcolor_core.farm import paths as core

RULES = [
    ("POSIX", "/mnt/show", "/Volumes/show"),
    ("POSIX", "/mnt/show/", "Z:\\show"),
    ("POSIX", "/mnt/show", "\\\\server\\show"),
    ("POSIX", "/mnt", "/elsewhere/"),
    ("POSIX", "/", "/root"),
    ("WINDOWS", "Z:\\", "/mnt/z"),
    ("windows", "Z:\\Show", "Y:\\"),
    ("WINDOWS", "Z:/show", "/mnt/show"),
    ("WINDOWS", "\\\\server\\share", "/mnt/share"),
    ("WINDOWS", "//server/share/sh010", "X:"),
]
PATHS = [
    "/mnt/show/sh010/plate.####.exr",
    "/mnt/show",
    "/mnt/show2/plate.exr",
    "/mnt/Show/plate.exr",
    "/mnt/showing",
    "Z:/show/sh010/plate.%04d.exr",
    "z:\\SHOW\\sh010\\plate.exr",
    "Z:/showreel/a.exr",
    "Z:a.exr",
    "//server/share/sh010/ä b.exr",
    "\\\\SERVER\\Share\\sh011\\a.exr",
    "//server/shared/a.exr",
    "ocio://default",
    "relative/a.exr",
    "",
]


def written(folder: Path, *rules: tuple[str, str, str]) -> Path:
    """A pathmapping-1.0 file of rules: format, source, destination."""
    names = ("source_path_format", "source_path", "destination_path")
    data = {"version": "pathmapping-1.0", "path_mapping_rules": [dict(zip(names, rule, strict=True)) for rule in rules]}
    (folder / "rules.json").write_text(json.dumps(data), encoding="utf-8")
    return folder / "rules.json"


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_mapped_as_the_core_maps_it_by_each_rule_and_by_all(path: str, tmp_path: Path) -> None:
    for rules in (*([rule] for rule in RULES), RULES[:5], RULES[5:], RULES[::-1]):
        file = written(tmp_path, *rules)
        expected = core.map_path(path, core.read_rules(file))
        found = paths.map_path(path, paths.read_rules(file))
        kind = PurePosixPath if expected.startswith("/") or expected == path else PureWindowsPath
        assert kind(found) == kind(expected), rules
        assert found == path or "\\" not in found, "Nuke's slashes"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("Z:/Show/sh010/plate.%04d.exr", "/mnt/show/sh010/plate.%04d.exr", id="a drive, whatever the case"),
        pytest.param("//SERVER/share/a.exr", "/mnt/share/a.exr", id="a share"),
        pytest.param("Z:/showreel/a.exr", "Z:/showreel/a.exr", id="a name that begins alike"),
    ],
)
def test_windows_paths_on_a_linux_host(path: str, expected: str, tmp_path: Path) -> None:
    file = written(tmp_path, ("WINDOWS", "Z:\\show", "/mnt/show"), ("WINDOWS", "\\\\server\\share", "/mnt/share"))
    assert paths.map_path(path, paths.read_rules(file)) == expected


def test_linux_paths_on_a_windows_host(tmp_path: Path) -> None:
    file = written(tmp_path, ("POSIX", "/mnt/show", "Z:\\show"), ("POSIX", "/mnt/share", "\\\\server\\share"))
    rules = paths.read_rules(file)
    assert paths.map_path("/mnt/show/a/b.exr", rules) == "Z:/show/a/b.exr"
    assert paths.map_path("/mnt/share/a.exr", rules) == "//server/share/a.exr"


def test_the_environment_variable_is_that_of_the_core() -> None:
    assert paths.VARIABLE == core.VARIABLE
    assert paths.SUBSTITUTIONS == core.SUBSTITUTIONS


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("text", ["", "z:/show;/Volumes/show;/mnt/show;z:/show/lib;-;/srv/lib;", "a:;b;c;;-;/x"])
def test_path_substitutions_are_those_of_the_core(platform: str, text: str) -> None:
    ours, theirs = (module.parse_substitutions(text, platform=platform) for module in (paths, core))
    assert [(rule.source, rule.destination) for rule in ours] == [(rule.source, rule.destination) for rule in theirs]


def test_path_substitutions_that_the_core_refuses_are_refused() -> None:
    for module, error in ((paths, RefColorizeError), (core, BadRequest)):
        with pytest.raises(error, match="three for each row"):
            module.parse_substitutions("z:/show;/mnt/show")


def test_a_session_without_rules_has_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("{}", encoding="utf-8")
    assert paths.read_rules(tmp_path / "rules.json") == ()


RULE = '{"source_path_format": "POSIX", "source_path": "/a", "destination_path": "/b"}'
NO_RULES = [
    *("", "[1]", "[]", '""', '{"path_mapping_rules": [{"source_path": "/a"}]}', '{"path_mapping_rules": {}}'),
    *('{"path_maping_rules": []}', '{"version": "pathmapping-2.0", "path_mapping_rules": []}'),
    *(f'{{"path_mapping_rules": [{RULE.replace(*change)}]}}' for change in (("POSIX", "POSX"), ('"/b"', "null"))),
]


@pytest.mark.parametrize("text", NO_RULES)
def test_rules_that_the_core_refuses_are_refused_by_the_plug_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "rules.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadRequest):
        core.read_rules(tmp_path / "rules.json")
    with pytest.raises(RefColorizeError):
        paths.read_rules(tmp_path / "rules.json")


@pytest.mark.parametrize("text", [*NO_RULES, None])
def test_invalid_rules_are_reported_in_one_line(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "rules.json").write_text(text, encoding="utf-8")
    with pytest.raises(RefColorizeError, match=r"^The path mapping rules .*rules\.json, which \$STCOLOR_PATH_MAPPING"):
        paths.read_rules(tmp_path / "rules.json")


# In Nuke


@pytest.fixture
def moved(tmp_path: Path, nuke: Any, monkeypatch: pytest.MonkeyPatch) -> Comp:
    """A script whose files have gone from the places it names, and rules that lead to them."""
    comp = make_comp(nuke, tmp_path / "artist")
    monkeypatch.setenv(
        "STCOLOR_PATH_MAPPING", str(written(tmp_path, ("POSIX", str(comp.folder), str(tmp_path / "host"))))
    )
    comp.folder.rename(tmp_path / "host")
    return comp


def plate(comp: Comp) -> Any:
    import fakenuke

    return fakenuke.rendering.image(comp.plate, 1003)["rgba.red"]


def test_a_host_opens_the_files_of_a_script_at_their_mapped_paths(nuke: Any, moved: Comp, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"artist/plate\.1003\.exr"):
        plate(moved)
    nuke.pluginAddPath(PLUGIN.as_posix())
    assert np.ptp(plate(moved)) > 0
    write = nuke.nodes.Write(file=(tmp_path / "artist/out.####.exr").as_posix(), file_type="exr", inputs=[moved.plate])
    nuke.execute(write, 1003, 1003)
    assert (tmp_path / "host/out.1003.exr").is_file()
    assert not moved.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the folders are those of a Linux host")
def test_a_host_opens_the_files_at_the_places_of_the_artists_path_substitutions(
    nuke: Any, moved: Comp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STCOLOR_PATH_MAPPING")
    monkeypatch.setenv("STCOLOR_PATH_SUBSTITUTIONS", f"z:/show;{moved.folder.as_posix()};{tmp_path.as_posix()}/host;")
    nuke.pluginAddPath(PLUGIN.as_posix())
    assert np.ptp(plate(moved)) > 0


@pytest.mark.gui
def test_the_files_of_an_artist_are_not_mapped(nuke: Any, moved: Comp) -> None:
    nuke.pluginAddPath(PLUGIN.as_posix())
    with pytest.raises(RuntimeError, match=r"artist/plate\.1003\.exr"):
        plate(moved)


def test_unreadable_rules_are_reported_and_the_node_still_loads(
    nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STCOLOR_PATH_MAPPING", str(tmp_path / "gone.json"))
    nuke.pluginAddPath(PLUGIN.as_posix())
    assert "gone.json, which $STCOLOR_PATH_MAPPING names, cannot be read" in capsys.readouterr().err
    assert nuke.createNode("RefColorize").Class() == "Group"
