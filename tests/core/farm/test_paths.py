"""Paths of one machine mapped to another, as text: neither machine is needed."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openjd.sessions import PathMappingRule as OpenJDRule

from stcolor_core.errors import BadRequest
from stcolor_core.farm.paths import PathMappingRule, make_absolute, map_path, parse_substitutions, read_rules


def rules_of(path: Path, *rules: tuple[str, str, str]) -> tuple[PathMappingRule, ...]:
    """pathmapping-1.0 rules (format, source, destination), read from a file."""
    names = ("source_path_format", "source_path", "destination_path")
    data = {"version": "pathmapping-1.0", "path_mapping_rules": [dict(zip(names, rule, strict=True)) for rule in rules]}
    path.write_text(json.dumps(data), encoding="utf-8")
    return read_rules(path)


@pytest.mark.parametrize(
    ("rule", "path", "expected"),
    [
        pytest.param(
            ("POSIX", "/mnt/show", "/Volumes/show"),
            "/mnt/show/sh010/plate.####.exr",
            "/Volumes/show/sh010/plate.####.exr",
            id="posix to posix",
        ),
        pytest.param(
            ("POSIX", "/mnt/show", "Z:\\show"),
            "/mnt/show/sh010/plate.%04d.exr",
            "Z:\\show\\sh010\\plate.%04d.exr",
            id="posix to windows",
        ),
        pytest.param(
            ("POSIX", "/mnt/show", "\\\\server\\show"),
            "/mnt/show/a/b.exr",
            "\\\\server\\show\\a\\b.exr",
            id="posix to a share",
        ),
        pytest.param(
            ("WINDOWS", "Z:\\show", "/mnt/show"),
            "z:/Show/sh010\\plate.####.exr",
            "/mnt/show/sh010/plate.####.exr",
            id="windows to posix, whatever the case and the slashes",
        ),
        pytest.param(
            ("WINDOWS", "\\\\server\\show", "/mnt/show"),
            "//SERVER/show/a.exr",
            "/mnt/show/a.exr",
            id="a share to posix",
        ),
        pytest.param(("WINDOWS", "Z:\\", "Y:\\"), "Z:\\a\\b.exr", "Y:\\a\\b.exr", id="a drive to a drive"),
        pytest.param(("POSIX", "/mnt/show", "/x"), "/mnt/show", "/x", id="the very folder"),
        pytest.param(("POSIX", "/mnt/show/", "/x/"), "/mnt/show/a.exr", "/x/a.exr", id="slashes at the end"),
        pytest.param(
            ("POSIX", "/mnt/show", "/x"), "/mnt/show2/a.exr", "/mnt/show2/a.exr", id="a name that begins alike"
        ),
        pytest.param(("POSIX", "/mnt/Show", "/x"), "/mnt/show/a.exr", "/mnt/show/a.exr", id="posix minds the case"),
        pytest.param(("WINDOWS", "Z:\\show", "/x"), "/mnt/show/a.exr", "/mnt/show/a.exr", id="of the other system"),
        pytest.param(("POSIX", "/", "/x"), "ocio://default", "ocio://default", id="a builtin config is not a path"),
    ],
)
def test_a_rule_maps_paths_inside_its_source(
    rule: tuple[str, str, str], path: str, expected: str, tmp_path: Path
) -> None:
    assert map_path(path, rules_of(tmp_path / "rules.json", rule)) == expected


FOLDERS = st.lists(st.sampled_from(["show", "Show", "sh 010", "a.b", "..", "x"]), max_size=4)


@given(st.sampled_from(["POSIX", "WINDOWS"]), FOLDERS, FOLDERS, st.booleans())
def test_a_rule_maps_as_open_job_description_does(style: str, source: list[str], path: list[str], own: bool) -> None:
    slash, root = ("/", "/") if style == "POSIX" else ("\\", "Z:\\")
    here = str(Path.home().anchor) + "mnt"
    text = root + slash.join([*(source if own else []), *path, "sh.####.exr"])
    openjd = OpenJDRule.from_dict(
        {"source_path_format": style, "source_path": root + slash.join(source), "destination_path": here}
    )
    pure = PurePosixPath if style == "POSIX" else PureWindowsPath
    assert map_path(text, [PathMappingRule(pure(root + slash.join(source)), here)]) == openjd.apply(path=text)[1]


def test_the_most_specific_rule_is_used_whatever_its_position(tmp_path: Path) -> None:
    rules = rules_of(tmp_path / "r.json", ("POSIX", "/mnt", "/wide"), ("POSIX", "/mnt/show", "/narrow"))
    assert map_path("/mnt/show/a.exr", rules) == "/narrow/a.exr"
    assert map_path("/mnt/other/a.exr", rules) == "/wide/other/a.exr"


def test_a_session_without_rules_has_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("{}", encoding="utf-8")
    assert read_rules(tmp_path / "rules.json") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1]", "[]", '""', '{"path_mapping_rules": [{"source_path": "/a"}]}', '{"path_mapping_rules": [3]}'),
        *('{"path_mapping_rules": {}}', '{"path_maping_rules": []}'),
        '{"version": "pathmapping-2.0", "path_mapping_rules": []}',
    ],
)
def test_invalid_rules_are_refused_and_their_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadRequest, match=r"rules\.json cannot be read"):
        read_rules(tmp_path / "rules.json")


MISSPELT = [
    pytest.param({"source_path_format": "POSX"}, "POSIX or WINDOWS", id="misspelt format"),
    pytest.param({"source_path_format": None}, "POSIX or WINDOWS", id="no format"),
    pytest.param({"source_path": 3}, "not a path", id="source that is a number"),
    pytest.param({"destination_path": []}, "not a path", id="destination that is a list"),
]


@pytest.mark.parametrize(("change", "named"), MISSPELT)
def test_a_rule_that_would_map_nothing_is_refused_as_open_job_description_does(
    change: dict[str, object], named: str, tmp_path: Path
) -> None:
    rule = {"source_path_format": "POSIX", "source_path": "/mnt", "destination_path": "/x", **change}
    with pytest.raises((ValueError, TypeError, AttributeError)):
        OpenJDRule.from_dict(rule)  # type: ignore[arg-type]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]}), encoding="utf-8")
    with pytest.raises(BadRequest, match=rf"rules\.json cannot be read .*{named}"):
        read_rules(file)


def test_absolute_paths_keep_their_pattern(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_absolute("a/../b/sh.####.exr") == str(tmp_path / "b" / "sh.####.exr")
    assert make_absolute("ocio://default") == "ocio://default"


# Nuke's own Path Substitutions: Windows, macOS, Linux

ROWS = "z:/show;/Volumes/show;/mnt/show;z:/show/lib;-;/srv/lib;;/Volumes/x;/mnt/x;"


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        ("linux", "Z:\\show\\sh010\\plate.####.exr", "/mnt/show/sh010/plate.####.exr"),
        ("linux", "/Volumes/show/a.exr", "/mnt/show/a.exr"),
        ("linux", "z:/show/lib/a.exr", "/srv/lib/a.exr"),
        ("linux", "/mnt/show/a.exr", "/mnt/show/a.exr"),
        ("linux", "/Volumes/showreel/a.exr", "/Volumes/showreel/a.exr"),
        ("darwin", "/mnt/show/a.exr", "/Volumes/show/a.exr"),
        ("darwin", "z:/show/lib/a.exr", "/Volumes/show/lib/a.exr"),
        ("win32", "/mnt/show/a.exr", "z:\\show\\a.exr"),
        ("win32", "/mnt/x/a.exr", "/mnt/x/a.exr"),
    ],
)
def test_nukes_path_substitutions_lead_to_this_systems_folder(platform: str, path: str, expected: str) -> None:
    assert map_path(path, parse_substitutions(ROWS, platform=platform)) == expected


def test_without_substitutions_there_is_no_rule() -> None:
    assert parse_substitutions("") == ()


def test_substitutions_of_another_form_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"hold 2 folders, not three.*Nuke's preferences"):
        parse_substitutions("z:/show;/mnt/show")
