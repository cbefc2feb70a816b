"""The doctor's findings in this environment and in broken ones."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from serving import running_core

from stcolor_core import __version__
from stcolor_core.cli import doctor
from stcolor_core.errors import BadRequest
from stcolor_core.service.access import CoreLock

INSTALL = Path(__file__).resolve().parents[3] / "install.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home and state folder, empty."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("NUKE_PATH", raising=False)
    return tmp_path / "home"


def found(name: str) -> list[doctor.Finding]:
    """Return the findings about the core and Nuke under that name."""
    return [
        finding
        for finding in [doctor._check_port(), *doctor._check_core(), *doctor._check_nuke()]
        if finding.name == name
    ]


def test_a_working_environment_has_no_problem_and_reports_its_versions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path))
    monkeypatch.delenv("OCIO", raising=False)
    assert doctor.main() == 0
    lines = capsys.readouterr().out.splitlines()
    findings = {line.split()[0]: line for line in lines}
    assert version("numpy") in findings["numpy"]
    assert version("torch") in findings["torch"]
    assert "ocio://" in findings["OCIO"]
    assert any("standard" in line for line in lines)


def test_a_package_that_does_not_load_is_named_with_its_reason_and_the_model_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms\\ndoes not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    findings = {finding.name: finding for finding in doctor.check_installation()}
    assert findings["torchvision"].state == "does not load (operator torchvision::nms does not exist)"
    assert "--reinstall" in findings["torchvision"].remedy
    assert not findings["torch"].remedy
    assert "Model" not in findings
    assert "State folder" in findings


def test_an_environment_that_holds_another_state_of_its_checkout_is_named(tmp_path: Path) -> None:
    source, package = tmp_path / "stcolor_core", tmp_path / ".venv" / "lib" / "stcolor_core"
    for folder in (source, package):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "run.py").write_text("pass")
    assert list(doctor._check_copy(package, tmp_path / ".venv")) == []
    (source / "run.py").write_text("pass  # newer")
    (source / "new.py").write_text("")
    (finding,) = doctor._check_copy(package, tmp_path / ".venv")
    assert "2 files of 3 are not the same" in finding.state
    assert finding.remedy == "run install.py setup"
    assert list(doctor._check_copy(source, tmp_path / ".venv")) == []  # run from the checkout itself


def test_movies_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise BadRequest("Movies need PyAV.")

    assert doctor._check_movies().state.startswith("PyAV ")
    monkeypatch.setattr(doctor, "load_av", missing)
    assert "not installed" in doctor._check_movies().state
    assert not doctor._check_movies().remedy  # no fault


def test_a_broken_ocio_config_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OCIO", str(tmp_path / "no.ocio"))
    findings = {finding.name: finding for finding in doctor.check_installation()}
    assert "no.ocio" in findings["OCIO config"].remedy


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path))
    (tmp_path / "vgg19_conv.safetensors").write_bytes(b"damaged")
    broken = [finding for finding in doctor.check_installation() if finding.remedy]
    assert [finding.name for finding in broken] == ["Model"]
    assert "vgg19_conv" in broken[0].remedy


def test_a_report_marks_what_is_broken_and_what_to_do() -> None:
    well = doctor.Finding("torch", "2.14.1")
    broken = doctor.Finding("OCIO config", "broken", "Correct $OCIO.")
    assert doctor.format_findings([well]) == ("torch            2.14.1", True)
    text, is_well = doctor.format_findings([well, broken])
    assert not is_well
    assert text.splitlines()[2].split(maxsplit=1) == ["->", "Correct $OCIO."]


# The core


def test_a_machine_without_a_running_core_has_no_problem(tmp_path: Path) -> None:
    assert [finding.remedy for finding in doctor._check_core()] == ["", ""]
    assert found("State folder")[0].state == str(tmp_path / "state")
    assert found("Core")[0].state.startswith("none runs")
    assert "can be listened on" in found("Local port")[0].state
    lock = CoreLock(tmp_path / "state")
    assert lock.acquire()  # the doctor has released it
    lock.close()


def test_a_running_core_is_queried_and_keeps_running(tmp_path: Path) -> None:
    with running_core(tmp_path / "state", device="cpu") as core:
        finding = found("Core")[0]
        assert core.connection.url in finding.state and __version__ in finding.state and not finding.remedy
        assert core.get("/v1/health")["version"] == __version__


def test_a_core_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_core(tmp_path / "state", device="cpu"):
        monkeypatch.setattr(doctor, "__version__", "9.9")
        assert "This is 9.9: stcolor stop" in found("Core")[0].remedy


def test_a_core_that_holds_the_lock_and_does_not_answer_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    lock = CoreLock(tmp_path / "state")
    assert lock.acquire()
    assert "core.lock" in found("Core")[0].remedy
    lock.close()


def test_a_disk_without_locks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CoreLock, "acquire", lambda _: True)  # no such disk can be made here
    assert "local disk" in found("State folder")[0].remedy


def test_a_state_folder_that_cannot_be_created_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "file" / "state"))
    assert "STCOLOR_STATE_DIR" in found("State folder")[0].remedy


# Nuke


def write_block(folder: Path, plugin: Path) -> None:
    """As install.py itself writes it."""
    spec = importlib.util.spec_from_file_location("install", INSTALL)
    assert spec and spec.loader
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    install.install_block(folder / "init.py", plugin=plugin, python=Path(sys.executable))


def test_a_missing_plug_in_is_reported_but_is_not_a_problem(home: Path) -> None:
    findings = found("Nuke plug-in")
    assert [(f"{home / '.nuke'}; install.py nuke" in finding.state, finding.remedy) for finding in findings] == [
        (True, "")
    ]


def test_an_installed_plug_in_is_found_in_home_and_in_nuke_path(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / 'it\'s a "plug\\in" für alle'
    plugin.mkdir()
    (plugin / "init.py").touch()
    monkeypatch.setenv("NUKE_PATH", os.pathsep.join([str(tmp_path / "none"), str(tmp_path / "facility")]))
    for folder in (home / ".nuke", tmp_path / "facility"):
        write_block(folder, plugin)
    findings = found("Nuke plug-in")
    assert [finding.remedy for finding in findings] == ["", ""]
    assert findings[0].state == f"{plugin}, named in {tmp_path / 'facility' / 'init.py'}"


def test_a_plug_in_that_has_moved_is_named(home: Path, tmp_path: Path) -> None:
    write_block(home / ".nuke", tmp_path / "moved")
    assert "Run install.py nuke" in found("Nuke plug-in")[0].remedy
