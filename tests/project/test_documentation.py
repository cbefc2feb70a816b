"""The documentation: every part that could become outdated is compared with the code."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from nuke_facts import FACTS, unproven

from stcolor_core.cli.command_line import _parser

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PICTURES = DOCS / "pictures"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [PROJECT / "README.md", PROJECT / "DEVELOPMENT.md", PROJECT / "MODEL_CARD.md", *PAGES]
SHIPPED = [*(PROJECT / "stcolor_core").rglob("*.py"), *(PROJECT / "nuke_plugin").rglob("*.py"), PROJECT / "install.py"]

_FENCE = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


def relative(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def load(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each `stcolor` command line in a code block that can be typed as it is: its place and its words."""
    for path in TEXTS:
        for block in _FENCE.findall(path.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if not line.strip().removeprefix(".venv/bin/").startswith("stcolor "):
                    continue
                words = shlex.split(line, comments=True)
                if not {"...", "[--submit]"} & set(words):
                    yield f"{relative(path)}: {' '.join(words[:3])}", words[1:]


def test_the_table_of_environment_variables_has_exactly_those_that_the_code_names() -> None:
    named = {name for path in SHIPPED for name in re.findall(r"\bSTCOLOR_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))}
    table = re.findall(r"^\| `(STCOLOR_\w+)`", (DOCS / "pipeline.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(table) == sorted(named)


def test_every_variable_that_the_code_reads_is_on_the_page_for_pipeline_tds() -> None:
    read = {
        name
        for path in SHIPPED
        for name in re.findall(r"""environ(?:\.get\(|\.setdefault\(|\[)\s*["'](\w+)["']""", path.read_text("utf-8"))
    }
    page = (DOCS / "pipeline.md").read_text("utf-8")
    assert [name for name in sorted(read - {"HOME"}) if f"`{name}`" not in page] == []


def test_the_variables_that_only_tests_read_are_on_the_page_for_developers() -> None:
    tests = [
        path for folder in ("tests", ".ci", "benchmarks") for path in (PROJECT / folder).rglob("*") if path.is_file()
    ]
    named = set()
    for path in tests:
        if path.suffix in ("", ".py"):
            named |= set(re.findall(r"\bSTCOLOR_[A-Z_]*[A-Z]\b", path.read_text("utf-8", errors="ignore")))
    pages = (DOCS / "pipeline.md").read_text("utf-8") + (DOCS / "develop" / "index.md").read_text("utf-8")
    assert sorted(name for name in named if f"`{name}`" not in pages) == []


def test_every_picture_is_used_and_credited_and_all_are_small() -> None:
    pictures = {path.name for path in PICTURES.iterdir()}
    texts = "".join(path.read_text("utf-8") for path in [*TEXTS, PROJECT / "mkdocs.yml"])
    credits = (DOCS / "index.md").read_text("utf-8").partition("### Pictures")[2]
    assert "CC-BY 3.0" in credits
    assert sorted(name for name in pictures if f"pictures/{name}" not in texts) == []
    assert sorted(name for name in pictures if f"`{name}`" not in credits) == []
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 2_500_000


def test_the_page_of_the_node_is_the_output_of_its_script() -> None:
    for path, text in load(DOCS / "make_node_page.py").made().items():
        assert path.read_text("utf-8") == text, "run docs/make_node_page.py"


def test_the_number_of_unproven_assumptions_is_the_one_in_the_facts_file() -> None:
    total = sum(map(len, FACTS.values()))
    for page in (DOCS / "first-shot-nuke.md", PROJECT / "README.md"):
        assert f"{len(unproven())} of {total} are unproven" in page.read_text("utf-8")


@pytest.mark.parametrize("path", TEXTS, ids=relative)
def test_every_link_leads_to_a_file_and_no_page_names_a_folder_outside(path: Path) -> None:
    text = path.read_text("utf-8")
    links = [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if not (path.parent / link).exists()] == []
    assert not re.search(r"\.\./shared|/work/", text)


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text("utf-8").splitlines()) <= 90


@pytest.mark.parametrize("arguments", [pytest.param(words, id=where) for where, words in commands()])
def test_every_command_in_the_documentation_is_accepted_by_stcolor(arguments: list[str]) -> None:
    _parser().parse_args(arguments)


def test_every_command_of_install_py_that_is_named_exists() -> None:
    texts = "".join(path.read_text("utf-8") for path in TEXTS)
    named = set(re.findall(r"python3 install\.py ([a-z-]+)", texts))
    assert named <= load(PROJECT / "install.py").COMMANDS.keys()


def test_every_module_that_the_page_for_developers_names_exists() -> None:
    page = (DOCS / "develop" / "index.md").read_text("utf-8")
    roots = PROJECT / "stcolor_core", PROJECT / "nuke_plugin" / "refcolorize"
    named = [name.split(".") for name in re.findall(r"`([a-z_]+\.[a-z_]+)[`.]", page)]
    packaged = [(package, module) for package, module in named if any((root / package).is_dir() for root in roots)]
    assert len(packaged) > 20
    assert [
        f"{package}.{module}"
        for package, module in packaged
        if not any((root / package / f"{module}.py").exists() or (root / package / module).is_dir() for root in roots)
    ] == []


def test_every_package_of_the_core_has_a_reference_page() -> None:
    packages = {path.parent.name for path in (PROJECT / "stcolor_core").glob("*/__init__.py")}
    modules = {path.stem for path in (PROJECT / "stcolor_core").glob("*.py")} - {"__init__"}
    text = "".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    assert sorted(name for name in packages | modules if f"::: stcolor_core.{name}\n" not in text) == []


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=PROJECT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True)
    assert built.returncode == 0, built.stderr.decode()
    loads = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="?https?:|<link\b[^>]*\bhref="?https?:""")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 25
    assert [path.name for path in pages if loads.search(path.read_text("utf-8"))] == []
    assert [
        path.name
        for path in (tmp_path / "site").rglob("*.css")
        if re.search(r"url\(\W?https?:", path.read_text("utf-8"))
    ] == []


def test_the_site_asks_for_no_font_from_elsewhere() -> None:
    config = yaml.load((PROJECT / "mkdocs.yml").read_text("utf-8"), Loader=yaml.BaseLoader)
    assert config["theme"]["font"] == "false"
