"""The choice of the device, on a machine whatever its GPUs: only whether one seems to be there is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from stcolor_core.errors import BadRequest, DeviceMemoryError
from stcolor_core.pipeline import device_names, devices
from stcolor_core.pipeline.device_names import DEVICES
from stcolor_core.pipeline.devices import find_fault, free_memory, resolve_device, translate_memory_errors

ABSENT = [gpu for gpu in ("cuda", "xpu", "mps") if not devices._is_present(gpu)]


@pytest.fixture
def broken_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A GPU that says that it is there and on which every operator fails."""
    if not ABSENT:
        pytest.skip("every kind of GPU is here")
    monkeypatch.setattr(devices, "_is_present", lambda gpu: gpu == ABSENT[0])
    find_fault.cache_clear()
    yield ABSENT[0]
    find_fault.cache_clear()


def test_the_cpu_passes_its_own_probe() -> None:
    assert find_fault("cpu") is None


def test_a_device_without_results_fails_the_probe_by_the_kind_of_operator() -> None:
    fault = find_fault("meta")
    assert fault is not None
    assert fault.startswith("convolution: ")


def test_a_device_with_wrong_results_fails_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([torch.zeros(3), torch.ones(3)])
    monkeypatch.setattr(devices, "_PROBES", {"sum": lambda _: next(results)})
    find_fault.cache_clear()
    assert find_fault("cpu") == "sum: wrong result"
    find_fault.cache_clear()


def test_auto_passes_over_a_gpu_that_does_not_work_and_says_so(broken_gpu: str) -> None:
    lines: list[str] = []
    assert resolve_device("auto", warn=lines.append) == torch.device("cpu")
    assert len(lines) == 1
    assert "does not work (convolution: " in lines[0]
    assert "\n" not in lines[0]
    assert resolve_device("cpu", warn=lines.append) == torch.device("cpu")
    assert len(lines) == 1, broken_gpu


def test_a_gpu_that_was_asked_for_and_does_not_work_is_refused_with_the_remedy(broken_gpu: str) -> None:
    with pytest.raises(BadRequest, match=r"does not work .*--device cpu") as caught:
        resolve_device(broken_gpu)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gpu", ABSENT)
def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(gpu: str) -> None:
    with pytest.raises(BadRequest, match="--device cpu"):
        resolve_device(gpu)


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadRequest, match=r"'tpu' is unknown. Use auto, cpu, cuda, xpu or mps"):
        resolve_device("tpu")


@pytest.mark.parametrize("gpu", device_names.GPUS)
def test_what_is_refused_before_torch_is_imported_is_refused_by_torch_too(gpu: str) -> None:
    try:
        device_names.refuse_absent(gpu)
    except BadRequest as early:
        assert gpu in ABSENT
        with pytest.raises(BadRequest) as late:
            resolve_device(gpu)
        assert str(early) == str(late.value)


@pytest.mark.parametrize(
    ("versions", "driver", "refused"),
    [
        ("cuda: Optional[str] = None\nhip = None\nxpu = None", True, {"cuda", "xpu"}),  # a build for the CPU
        ("cuda = '13.0'\nhip = None\nxpu = None", True, {"xpu"}),
        ("cuda = '13.0'\nhip = None\nxpu = None", False, {"cuda", "xpu"}),
        ("cuda = None\nhip: Optional[str] = '6.4'\nxpu = None", False, {"xpu"}),  # AMD needs no driver of NVIDIA
        ("cuda = None\nhip = None\nxpu = '2025.2'", False, {"cuda"}),
        ("from somewhere import *", False, set()),  # it does not say: torch will
    ],
)
def test_a_device_is_refused_by_what_the_installed_torch_is_built_for(
    versions: str, driver: bool, refused: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version.py").write_text(versions, encoding="utf-8")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: ModuleSpec("torch", None, origin=str(tmp_path / "x.py")))
    monkeypatch.setattr(device_names, "_has_cuda_driver", lambda: driver)
    monkeypatch.setattr(sys, "platform", "darwin")
    device_names._backends.cache_clear()
    found = set()
    for name in DEVICES:
        try:
            device_names.refuse_absent(name)
        except BadRequest:
            found.add(name)
    device_names._backends.cache_clear()
    assert found == refused


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate\n20 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
)
def test_full_memory_is_one_line_with_the_remedies(error: RuntimeError) -> None:
    with (
        pytest.raises(DeviceMemoryError, match=r"memory .* is full.*--working-height.*--device cpu") as caught,
        translate_memory_errors(torch.device("cpu")),
    ):
        raise error
    assert "\n" not in str(caught.value)


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), translate_memory_errors(torch.device("cpu")):
        raise RuntimeError("shapes differ")


def test_the_free_memory_of_the_cpu_is_that_of_the_machine() -> None:
    assert 0 < free_memory(torch.device("cpu")) < 2**50


@pytest.mark.parametrize(
    ("platform", "given", "expected"), [("darwin", None, "1"), ("darwin", "0", "0"), ("linux", None, "")]
)
def test_on_a_mac_torch_may_run_missing_operators_on_the_cpu(platform: str, given: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTORCH_ENABLE_MPS_FALLBACK"}
    if given is not None:
        environment["PYTORCH_ENABLE_MPS_FALLBACK"] = given
    script = f"""
        import sys
        sys.platform = {platform!r}
        import os, stcolor_core
        assert "torch" not in sys.modules
        print(os.environ.get("PYTORCH_ENABLE_MPS_FALLBACK", ""))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.strip() == expected
