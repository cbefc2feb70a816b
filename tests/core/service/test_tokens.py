from __future__ import annotations

import pytest

from stcolor_core.service.tokens import Tokens


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens("start", clock=clock)


def test_a_ticket_works_once(tokens: Tokens) -> None:
    ticket = tokens.ticket()
    page = tokens.redeem(ticket)
    assert page is not None
    assert tokens.right_of(page) == "page"
    assert tokens.redeem(ticket) is None


def test_a_ticket_works_for_ten_minutes(tokens: Tokens, clock: Clock) -> None:
    early, late = tokens.ticket(), tokens.ticket()
    clock.now += 599
    assert tokens.redeem(early) is not None
    clock.now += 2
    assert tokens.redeem(late) is None


@pytest.mark.parametrize("wrong", ["", "start", "\xe9", "x" * 10_000])
def test_an_invalid_ticket_gives_no_token(tokens: Tokens, wrong: str) -> None:
    tokens.ticket()
    assert tokens.redeem(wrong) is None


def test_neither_a_ticket_nor_anything_unknown_is_a_token(tokens: Tokens) -> None:
    assert tokens.right_of("start") == "all"
    assert tokens.right_of(tokens.ticket()) is None
    assert tokens.right_of("") is None
    assert tokens.right_of("\xe9") is None


def test_the_number_of_open_tickets_is_limited_and_the_oldest_expire(tokens: Tokens) -> None:
    tickets = [tokens.ticket() for _ in range(20)]
    good = [tokens.redeem(ticket) is not None for ticket in tickets]
    assert good == [False] * 4 + [True] * 16


def test_the_number_of_valid_page_tokens_is_limited_and_the_oldest_expire(tokens: Tokens) -> None:
    pages = [tokens.redeem(tokens.ticket()) or "" for _ in range(70)]
    assert [tokens.right_of(page) for page in pages] == [None] * 6 + ["page"] * 64


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        ("GET", "/v1/jobs", True),
        ("GET", "/v1/jobs/a/picture", True),
        ("POST", "/v1/jobs/a/cancel", True),
        ("POST", "/v1/jobs/a/resume", True),
        ("POST", "/v1/jobs/a/key", True),
        ("POST", "/v1/jobs/a/note", True),
        ("POST", "/v1/jobs/a/move", True),
        ("POST", "/v1/jobs/a/reveal", True),
        ("POST", "/v1/queue/pause", True),
        ("POST", "/v1/queue/continue", True),
        ("POST", "/v1/queue/clear", True),
        ("POST", "/v1/queue/restore", True),
        ("POST", "/v1/queue/shutdown", False),
        ("POST", "/v1/jobs/a/cancel/b", False),
        ("POST", "/v1/jobs/a/b/cancel", False),
        ("POST", "/v1/jobs//cancel", False),
        ("POST", "/v1/jobs", False),
        ("POST", "/v1/preview", False),
        ("POST", "/v1/shutdown", False),
        ("POST", "/v1/ticket", False),
        ("DELETE", "/v1/jobs/a", False),
    ],
)
def test_a_page_may_only_read_and_change_the_queue(method: str, path: str, may: bool) -> None:
    assert Tokens.page_is_allowed(method, path) is may
