"""What the doctor finds in this very environment, and in broken ones."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from stcolor_core import doctor


def test_a_working_environment_is_well_and_says_its_versions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path))
    monkeypatch.delenv("OCIO", raising=False)
    assert doctor.main() == 0
    lines = capsys.readouterr().out.splitlines()
    said = {line.split()[0]: line for line in lines}
    assert version("numpy") in said["numpy"]
    assert version("torch") in said["torch"]
    assert "ocio://" in said["OCIO"]
    assert any("standard" in line for line in lines)


def test_a_package_that_does_not_load_is_named_with_its_reason_and_the_rest_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms\\ndoes not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    found = {finding.name: finding for finding in doctor.findings()}
    assert found["torchvision"].state == "does not load (operator torchvision::nms does not exist)"
    assert "--reinstall" in found["torchvision"].remedy
    assert not found["torch"].remedy
    assert "Model" not in found


def test_a_broken_ocio_config_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OCIO", str(tmp_path / "no.ocio"))
    found = {finding.name: finding for finding in doctor.findings()}
    assert "no.ocio" in found["OCIO config"].remedy


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path))
    (tmp_path / "vgg19_conv.safetensors").write_bytes(b"damaged")
    broken = [finding for finding in doctor.findings() if finding.remedy]
    assert [finding.name for finding in broken] == ["Model"]
    assert "vgg19_conv" in broken[0].remedy


def test_a_report_marks_what_is_broken_and_what_to_do() -> None:
    well = doctor.Finding("torch", "2.14.1")
    broken = doctor.Finding("OCIO config", "broken", "Correct $OCIO.")
    assert doctor.report([well]) == ("torch            2.14.1", True)
    text, is_well = doctor.report([well, broken])
    assert not is_well
    assert text.splitlines()[2].split(maxsplit=1) == ["->", "Correct $OCIO."]
