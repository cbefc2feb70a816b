"""The path of a GPU from plates to frames, on the CPU: pictures stay on the device from L* to the composite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from scenes import pan

from stcolor_core.method.on_device.frames import DeviceFrame

MakeShot = Callable[..., ShotOnDisk]


@pytest.mark.parametrize("colorspace", [None, "ACEScg"])
def test_frames_are_those_of_the_path_on_arrays_but_for_the_flow(
    make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch, colorspace: str | None
) -> None:
    shot = make_shot(pan(4, height=96, width=128, step=2), references=(FIRST,))
    options = ("--cuts", "none", "--register", "off", *(("--colorspace", colorspace) if colorspace else ()))
    assert shot.colorize(*options) == 0
    expected = {frame: channels(shot.output(frame)) for frame in shot.frames}
    composed = []
    original = DeviceFrame.put_on

    def put_on(self: DeviceFrame, *arguments: object, **settings: object) -> object:
        composed.append(self.frame)
        return original(self, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(DeviceFrame, "put_on", put_on)
    monkeypatch.setenv("STCOLOR_DEVICE_PATH", "1")
    assert shot.colorize(*options, "--force") == 0
    # what needs OpenColorIO is composed on the CPU
    assert sorted(composed) == ([] if colorspace else list(shot.frames[1:]))
    for frame in shot.frames:
        found = channels(shot.output(frame))
        assert list(found) == list(expected[frame])
        for name, before in expected[frame].items():
            difference = np.abs(found[name].astype(np.float32) - before.astype(np.float32))
            assert np.median(difference) < (0.5 if name.startswith("rc_ab") else 0.05), (frame, name)
