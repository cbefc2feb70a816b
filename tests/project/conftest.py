"""install.py as a module, and a checkout of a tiny project that it can set up in a second."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "install.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# A build backend of a few lines, so that pip builds and installs the tiny project without fetching setuptools.
BACKEND = """
import zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "stcolor-1.dist-info"
    with zipfile.ZipFile(Path(folder, "stcolor-1-py3-none-any.whl"), "w") as wheel:
        for path in Path("stcolor_core").rglob("*.py"):
            wheel.write(path)
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: stcolor\\nVersion: 1\\nProvides-Extra: dev")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return "stcolor-1-py3-none-any.whl"
"""


PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["stcolor_core"]\n'


@pytest.fixture
def install() -> ModuleType:
    return load()


@pytest.fixture
def places(install: ModuleType, tmp_path: Path) -> Any:
    """A checkout and a home folder for one test; the checkout is empty unless the test uses `project`."""
    return install.Places(tmp_path / "checkout", tmp_path / "home")


@pytest.fixture
def home(places: Any) -> Path:
    return Path(places.home)


@pytest.fixture
def project(install: ModuleType, places: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a project that installs in a second."""
    root = Path(places.project)
    files = {
        "pyproject.toml": PYPROJECT,
        "README.md": "",
        "LICENSE": "",
        "requirements/tested.txt": "",
        "stcolor_core/__init__.py": "WORD = 'first'\n",
        "stcolor_core/backend.py": BACKEND,
        "stcolor_core/cli/doctor.py": "print('the package is well')\n",
        "stcolor_core/cli/demo.py": "import sys\nprint(*sys.argv[1:])\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(install, "FREE_GB", 0)
    return root


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment as install.py makes it, made once for all tests, since that takes seconds."""
    install = load()
    install.FREE_GB = 0  # the space that torch takes, which these tests do not install
    folder = tmp_path_factory.mktemp("template")
    setup = install.Setup(install.Places(folder / "checkout", folder / "home"), folder / "venv")
    install.make_venv(setup)
    install.write_marker(setup.venv, dev=False)
    return Path(setup.venv)


@pytest.fixture
def setup(install: ModuleType, places: Any, project: Path, template: Path) -> Any:
    """A new environment without packages, beside the tiny project."""
    shutil.copytree(template, project.parent / "venv", symlinks=True)
    return install.Setup(places, project.parent / "venv")


@pytest.fixture
def installed_word(setup: Any) -> Callable[[], str]:
    """Return a function that returns the word in the project as it is installed."""
    command = [str(setup.python), "-I", "-c", "import stcolor_core; print(stcolor_core.WORD)"]
    return lambda: subprocess.check_output(command, cwd=setup.venv, text=True).strip()
