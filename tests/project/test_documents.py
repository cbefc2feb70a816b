"""The references between documents and code are valid: names, sections, files, versions."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

import stcolor_core

PROJECT = Path(__file__).parents[2]
FOLDERS = ("stcolor_core", "nuke_plugin", "gizmos", "benchmarks", "tests", "docs", ".ci", ".github")
SUFFIXES = {".py", ".md", ".yml", ".yaml", ".toml", ".cff", ".gizmo", ".html", ".js", ".css"}
METHOD = (PROJECT / "docs" / "method.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`((?:method|images|shots|evaluation)\.[\w.]+)`", METHOD)))


def texts() -> dict[str, str]:
    """Return every text of the repository by its path, without the files of tools and users and without this file."""
    tops = [path for path in PROJECT.iterdir() if path.suffix in SUFFIXES]
    inner = [path for folder in FOLDERS for path in (PROJECT / folder).rglob("*") if path.suffix in SUFFIXES]
    programs = [PROJECT / ".ci" / "run", PROJECT / ".ci" / "lowest"]
    return {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8")
        for path in (*tops, *inner, *programs)
        if path.is_file() and path != Path(__file__)
    }


def test_nothing_names_a_folder_outside_of_the_repository() -> None:
    outside = re.compile(r"\.\./shared|shared/(data|golden|design|paper)")
    assert [path for path, text in texts().items() if outside.search(text)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_the_method_page_exists(name: str) -> None:
    parts = ["stcolor_core", *name.split(".")]
    for count in range(len(parts), 1, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return
    pytest.fail(f"there is no {name}")


def test_every_cited_section_of_the_method_page_exists() -> None:
    headings = set(re.findall(r"^#+ (.+)$", METHOD, re.MULTILINE))
    cited = {
        (path, section)
        for path, text in texts().items()
        for section in re.findall(r'docs/method\.md,\s+(?:# )?"([^"]+)"', text)
    }
    assert len(cited) > 10
    assert [(path, section) for path, section in sorted(cited) if section not in headings] == []


def test_every_file_that_the_method_page_names_exists() -> None:
    named = re.findall(r"[`(]((?:tests|benchmarks)/[\w/.-]+|\w+\.md)", METHOD)
    assert [name for name in named if not (PROJECT / name).exists() and not (PROJECT / "docs" / name).exists()] == []


def test_the_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == stcolor_core.__version__
    assert "https://arxiv.org/abs/2011.12528" in [reference["url"] for reference in citation["references"]]
    assert "arXiv:2011.12528" in (stcolor_core.__doc__ or "")
