"""Cuebot's shows and facilities, over a real socket: a server of the services that OpenCue's own package defines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stcolor_core.cli import command_line

grpc = pytest.importorskip("grpc")
opencue = pytest.importorskip("opencue")

from opencue_proto import cue_pb2, cue_pb2_grpc, facility_pb2, facility_pb2_grpc, show_pb2, show_pb2_grpc  # noqa: E402


class Cue(cue_pb2_grpc.CueInterfaceServicer):
    def GetSystemStats(self, _: Any, context: Any) -> Any:  # noqa: ARG002, N802  (OpenCue's names)
        return cue_pb2.CueGetSystemStatsResponse()


class Shows(show_pb2_grpc.ShowInterfaceServicer):
    def GetActiveShows(self, _: Any, context: Any) -> Any:  # noqa: ARG002, N802
        shows = show_pb2.ShowSeq(shows=[show_pb2.Show(name=name) for name in ("film", "demo")])
        return show_pb2.ShowGetActiveShowsResponse(shows=shows)


class Allocations(facility_pb2_grpc.AllocationInterfaceServicer):
    def GetAll(self, _: Any, context: Any) -> Any:  # noqa: ARG002, N802
        names = (("local.general", "local"), ("local.desktop", "local"), ("cloud.general", "cloud"))
        found = [facility_pb2.Allocation(name=name, facility=facility) for name, facility in names]
        return facility_pb2.AllocGetAllResponse(allocations=facility_pb2.AllocationSeq(allocations=found))


@pytest.fixture
def cuebot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cuebot that answers, at $CUEBOT_HOSTS."""
    server = grpc.server(ThreadPoolExecutor(2))
    cue_pb2_grpc.add_CueInterfaceServicer_to_server(Cue(), server)
    show_pb2_grpc.add_ShowInterfaceServicer_to_server(Shows(), server)
    facility_pb2_grpc.add_AllocationInterfaceServicer_to_server(Allocations(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("CUEBOT_HOSTS", f"127.0.0.1:{port}")
    opencue.Cuebot.closeChannel()
    yield server
    opencue.Cuebot.closeChannel()
    server.stop(None).wait()


@pytest.mark.usefixtures("cuebot")
def test_the_active_shows_and_the_facilities_with_hosts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["farm", "choices", "opencue", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"show": ["demo", "film"], "facility": ["cloud", "local"]}
    assert command_line.main(["farm", "choices", "opencue"]) == 0
    assert capsys.readouterr().out == "--show: demo, film\n--facility: cloud, local\n"


def test_a_cuebot_that_does_not_answer_is_told_in_one_line(cuebot: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cuebot.stop(None).wait()
    assert command_line.main(["farm", "choices", "opencue", "--json"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    line = told.err.strip().splitlines()[-1]
    assert "OpenCue cannot be asked for its shows" in line and "Check $CUEBOT_HOSTS" in line
