"""The parts of uvicorn that the service uses: its settings and its whole protocol, no internals."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
import uvicorn
from serving import running_core

from stcolor_core import service
from stcolor_core.service import heads, server
from stcolor_core.service.access import connection_file

MODULES = sorted(Path(service.__file__).parent.glob("*.py"))


def test_no_class_inherits_from_uvicorn() -> None:
    """Its attributes change between releases; without inheritance our classes can neither use nor shadow them."""
    own = [
        each
        for module in (heads, server)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__
    ]
    assert own
    assert not [each for each in own if any(base.__module__.startswith("uvicorn") for base in each.__mro__)]


@pytest.mark.parametrize("path", MODULES, ids=[path.name for path in MODULES])
def test_only_the_documented_api_of_uvicorn_is_imported(path: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.startswith("uvicorn"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("uvicorn"):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    assert found <= {"uvicorn", "uvicorn.protocols.http.h11_impl.H11Protocol"}


def test_a_server_with_other_internal_names_serves_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(uvicorn.Server):
        """A possible later release that stores the signals it caught under another name."""

        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            del self._captured_signals

    monkeypatch.setattr(uvicorn, "Server", Renamed)
    with running_core(tmp_path / "state", device="cpu") as client:
        assert client.get("/v1/health")["protocol"] == 1


def test_a_core_that_stops_takes_its_connection_file_away_before_it_refuses_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    end_waits = server.CoreServer._end_waits

    def look(core: server.CoreServer) -> None:
        found.append(connection_file(tmp_path / "state").exists())
        end_waits(core)

    monkeypatch.setattr(server.CoreServer, "_end_waits", look)
    with running_core(tmp_path / "state", device="cpu") as client:
        client.get("/v1/health")
    assert found == [False], "Nuke takes a refused request for a crash if the file is still there, and starts a core"
