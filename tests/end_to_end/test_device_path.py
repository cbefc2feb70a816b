"""The path of a GPU from plates to frames, on the CPU: pictures stay on the device from L* to full size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from scenes import pan

from stcolor_core.method.on_device.frames import DeviceFrame

MakeShot = Callable[..., ShotOnDisk]


def test_frames_are_those_of_the_path_on_arrays_but_for_the_flow(
    make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = make_shot(pan(4, height=96, width=128, step=2), references=(FIRST,))
    options = ("--cuts", "none", "--register", "off")
    assert shot.colorize(*options) == 0
    expected = {frame: channels(shot.output(frame)) for frame in shot.frames}
    enlarged = []
    original = DeviceFrame.enlarge

    def enlarge(self: DeviceFrame, *arguments: object, **settings: object) -> object:
        enlarged.append(self.frame)
        return original(self, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(DeviceFrame, "enlarge", enlarge)
    monkeypatch.setenv("STCOLOR_DEVICE_PATH", "1")
    assert shot.colorize(*options, "--force") == 0
    assert sorted(enlarged) == list(shot.frames[1:])
    for frame in shot.frames:
        found = channels(shot.output(frame))
        assert list(found) == list(expected[frame])
        for name, before in expected[frame].items():
            difference = np.abs(found[name].astype(np.float32) - before.astype(np.float32))
            assert np.median(difference) < (0.5 if name.startswith("rc_ab") else 0.05), (frame, name)
