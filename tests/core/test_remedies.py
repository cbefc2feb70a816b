"""Every message names its remedy in the terms of the program that shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import stcolor_core
from stcolor_core.errors import BadRequest, one_line
from stcolor_core.remedies import FRONT_END, REMEDIES, SETTINGS, advise, word
from stcolor_core.shots.settings import Method

PACKAGE = Path(stcolor_core.__file__).parent
PAGE = PACKAGE / "service" / "page" / "words.js"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Only a terminal shows what these say: no other front end plans keyframes, colours films, or makes movies and reviews.
TERMINAL_ONLY = (
    *("cli/", "evaluation/", "training/", "models/", "film/", "terminal.py", "remedies.py", "movies/writer.py"),
    *(f"pipeline/{name}.py" for name in ("key_planning", "movie_output", "results")),
)

COMMAND = re.compile(r"stcolor (?!on\b|colou?rs|is|has|can|must)[a-z]+|pip3? install|install\.py|ffmpeg -")
NO_SHELL_EXCEPT = (  # besides: the client of the command line, the list of models, and the page's own first sentence
    *(name for name in TERMINAL_ONLY if name != "models/"),
    *("models/registry.py", "service/access.py", "service/pages.py", "pipeline/review_pictures.py"),
)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every string of a module but its docstrings, with its line."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_no_message_that_nuke_or_the_page_may_show_names_an_option_of_the_command_line() -> None:
    found = [
        f"{name}:{line}: {text}"
        for name, tree in sources()
        if not name.startswith(TERMINAL_ONLY)
        for line, text in texts(tree)
        # an option alone is an argument of a program; and the log tells whoever started the core
        if OPTION.search(text) and " " in text.strip() and "pip install" not in text and "Stopping: no job" not in text
    ]
    assert found == []


def test_no_message_that_nuke_or_the_page_may_show_takes_a_shell_for_granted() -> None:
    found = [
        f"{name}:{line}: {text}"
        for name, tree in sources()
        if not name.startswith(NO_SHELL_EXCEPT)
        for line, text in texts(tree)
        if COMMAND.search(text) and " " in text.strip() and "training starts from" not in text
        if not (name == "farm/openjd.py" and text == "stcolor on the hosts.")  # the description of a parameter
    ]
    assert found == []


@pytest.mark.parametrize("name", REMEDIES)
def test_a_command_on_the_node_or_the_page_comes_after_whom_to_ask(name: str) -> None:
    for text in (REMEDIES[name].node, REMEDIES[name].page):
        command = COMMAND.search(text)
        assert command is None or re.search("whoever", text[: command.start()])


def test_missing_weights_in_nuke_say_who_adds_them_and_where() -> None:
    from stcolor_core.models import weight_files

    message = weight_files.missing(["vgg19_conv"]).marked
    assert " and run: stcolor models add " in word(message, "command_line")
    in_nuke = word(message, "node")
    assert "ask whoever installed RefColorize on this machine to add it. The command is: stcolor models add" in in_nuke


@pytest.mark.parametrize("name", REMEDIES)
def test_everything_in_quotes_is_a_label_on_the_page(name: str) -> None:
    script = PAGE.read_text(encoding="utf-8")
    labels = {"Reference", *re.findall(r'\["([^"]+)", ', script), *re.findall(r'^  \w+: "([^"]+)",$', script, re.M)}
    renamed = set(re.findall(r'^  (\w+): "[^"]+",$', script, re.M))
    labels |= {each.name.replace("_", " ") for each in fields(Method) if each.name not in renamed}
    for quoted in re.findall(r'"([^"]+)"', REMEDIES[name].page):
        assert quoted in labels, f"{name}: the page has no {quoted}"
        assert quoted in SETTINGS, f"{name}: a plan has no {quoted}"


def test_every_remedy_is_used_and_every_used_one_exists() -> None:
    used = {
        node.args[0].value
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "advise"
        if isinstance(node.args[0], ast.Constant)
    }
    assert used == set(REMEDIES)


@pytest.mark.parametrize("name", REMEDIES)
def test_the_words_for_node_and_page_have_no_option_and_end_without_a_full_stop(name: str) -> None:
    wording = REMEDIES[name]
    for text in (wording.node, wording.page):
        assert not OPTION.search(text)
    for text in wording:
        assert text and not text.endswith((".", "!")) and "\n" not in text
        assert text.count("{}") == wording.command_line.count("{}")


def test_a_message_is_worded_for_each_front_end() -> None:
    message = f"Frame 7 of plate.####.exr is missing. Render it, or {advise('missing')}."
    assert word(message, "command_line").endswith("Render it, or pass --missing skip or --missing hold.")
    assert "its Read" in word(message, "node")
    assert '"Missing frames"' in word(message, "page")
    assert '"missing" of the plate' in word(message, "plan")


def test_a_remedy_takes_a_value_and_begins_a_sentence_with_a_capital() -> None:
    message = f"Frame 12 has no matte. {advise('frame_matte', 12)}."
    assert word(message, "command_line") == "Frame 12 has no matte. Give --matte 12=PATH."
    assert word(message, "node") == "Frame 12 has no matte. Connect a matte that has frame 12 to the input matte."


def test_an_error_speaks_to_a_terminal_and_keeps_the_names_for_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    error = BadRequest(f"The shot has no reference. {advise('no_reference')}.")
    assert str(error) == "The shot has no reference. Give --reference FRAME=PATH, or --still PATH."
    assert "--" not in error.marked
    monkeypatch.setenv(FRONT_END, "node")
    assert "Add key" in str(error)
    assert "Add key" in one_line(error.marked), "also for a program that the plug-in runs"


def test_an_unknown_remedy_is_an_error_of_ours_and_a_mark_in_a_file_name_is_left_alone() -> None:
    with pytest.raises(KeyError):
        advise("nothing_like_it")
    assert word("⟦sh010⟧.exr is missing.") == "⟦sh010⟧.exr is missing."


def test_a_long_message_keeps_its_remedy_whole() -> None:
    line = one_line(f"/show/{'folder/' * 60}a.1001.exr is missing. Render it, or {advise('missing')}.")
    assert len(line) <= 300
    assert line.endswith("Render it, or pass --missing skip or --missing hold.")
