"""The files of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from stcolor_core.errors import OutputError
from stcolor_core.training import refinement
from stcolor_core.training.runs import Run, Schedule


@pytest.mark.parametrize("name", ["", "weights", "/"])
def test_a_folder_as_output_is_refused_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path without a name (".") ended in a traceback; any other folder failed only once the weights were written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        Run(nn.Linear(1, 1), Path(name), Schedule(steps=1, rate=0.1))
    with pytest.raises(OutputError, match="is a folder"):
        refinement.check_start(refinement.Settings(steps=1), Path(name))
    assert [path.name for path in tmp_path.rglob("*")] == ["weights"]
