"""A training that is stopped, for the tests of each kind of training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stcolor_core.training.runs import Run


@pytest.fixture
def stop_at_the_first_checkpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return a function that runs a training until Ctrl-C comes right after its first checkpoint."""
    save_checkpoint = Run.save_checkpoint

    def stop(self: object, *arguments: object, **named: object) -> None:
        save_checkpoint(self, *arguments, **named)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    def run(train: Callable[[], object]) -> None:
        with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
            interrupted.setattr(Run, "save_checkpoint", stop)
            train()

    return run
