"""Weights that others publish, kept on disk as safetensors beside a small manifest with their checksum.

They are added once by hand, checked against the network they are for. Nothing here downloads, and no pickle is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import pkgutil
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from stcolor_core.errors import ModelError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.user_folders import user_folder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "AddedModel",
    "add",
    "checksum",
    "folder",
    "installed",
    "load_weights",
    "missing",
    "recorded_checksum",
    "verify",
]

# What torch and safetensors raise on a file that is damaged, or that holds more than tensors.
_UNREADABLE = (
    *(AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(pickle.UnpicklingError, struct.error, zipfile.BadZipFile, SafetensorError),
)


@dataclass(frozen=True, kw_only=True)
class AddedModel:
    """Weights that `add` took: their name, the safetensors file they are in now, its SHA-256 in hex."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class _Published:
    """Weights that others publish. network: where the module is whose state dict they are, as for `pkgutil`."""

    file: str
    url: str
    network: str


_EXEMPLAR = "https://github.com/zhangmozhe/Deep-Exemplar-based-Video-Colorization"
_EXEMPLAR_URL = f"{_EXEMPLAR}/releases/download/v1.0/colorization_checkpoint.zip"
_MASKRCNN_FILE = "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
_MASKRCNN_URL = f"https://download.pytorch.org/models/{_MASKRCNN_FILE}"
_FEATURES = "stcolor_core.method.features.exemplar"
_WEIGHTS = {
    "vgg19_conv": _Published("vgg19_conv.pth", _EXEMPLAR_URL, f"{_FEATURES}:VGG19"),
    "nonlocal_net_iter_76000": _Published(
        "nonlocal_net_iter_76000.pth", _EXEMPLAR_URL, f"{_FEATURES}:CorrespondenceNet"
    ),
    "colornet_iter_76000": _Published(
        "colornet_iter_76000.pth", _EXEMPLAR_URL, "stcolor_core.method.refinement.exemplar:ColorNet"
    ),
    "maskrcnn_resnet50_fpn_v2": _Published(
        _MASKRCNN_FILE, _MASKRCNN_URL, "torchvision.models.detection:maskrcnn_resnet50_fpn_v2"
    ),
}


def folder() -> Path:
    """Where added weights lie: $STCOLOR_MODELS_DIR, else stcolor/models in the platform's folder for user data."""
    if chosen := os.environ.get("STCOLOR_MODELS_DIR"):
        return Path(chosen).expanduser()
    return user_folder("data") / "models"


def installed() -> list[str]:
    """Names of the weights in `folder()`. Says nothing of their checksums: see `verify`."""
    return [name for name in _WEIGHTS if _path(name).is_file() and _manifest(name).is_file()]


def add(paths: Iterable[Path]) -> list[AddedModel]:
    """Take published weights into `folder()` as safetensors with a checksum.

    paths: .pth state dicts (tensors alone are read, code never runs) or .safetensors, each recognised by its keys and
    shapes, not by its name. Raises ModelError, before anything is written, where one of them is missing, damaged, holds
    more than tensors or fits no network; and where the folder cannot be written.
    """
    recognised = [_recognise(path, _read(path)) for path in paths]
    return [_store(name, tensors) for name, tensors in recognised]


def verify() -> list[str]:
    """Compute every checksum again. Returns one line per problem, with its remedy; none where all is well."""
    problems = []
    for name in _WEIGHTS:
        if _path(name).exists() or _manifest(name).exists():
            try:
                _verified(name)
            except ModelError as error:
                problems.append(str(error))
    return problems


def load_weights(name: str) -> dict[str, Tensor]:
    """The state dict of the weights of that name, on the CPU, as `add` stored it.

    Raises ModelError where they are missing, saying where to get them and how to add them, or of a wrong checksum.
    """
    from safetensors.torch import load_file

    state: dict[str, Tensor] = load_file(_verified(name))
    return state


def missing(names: list[str]) -> ModelError:
    """The error that says which files are missing, where they are published and how to add them."""
    files = [_WEIGHTS[name].file for name in names]
    return ModelError(
        f"Weights missing from {folder()}: {', '.join(files)}. "
        f"Get them from {_WEIGHTS[names[0]].url} and run: stcolor models add {' '.join(files)}"
    )


def _path(name: str) -> Path:
    return folder() / f"{name}.safetensors"


def _manifest(name: str) -> Path:
    return folder() / f"{name}.json"


def _verified(name: str) -> Path:
    """The file of the weights of that name, its checksum found right."""
    expected = recorded_checksum(name)
    path = _path(name)
    try:
        found = checksum(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}). {_remedy(name)}") from None
    if found != expected:
        raise ModelError(f"{path} has not the checksum it was added with: it is damaged or changed. {_remedy(name)}")
    return path


def recorded_checksum(name: str) -> str:
    """SHA-256 of the weights as they were added, in hex. Raises ModelError where they are missing."""
    if not _path(name).is_file():
        raise missing([name])
    try:
        return str(json.loads(_manifest(name).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ModelError(f"{_manifest(name)} does not hold a checksum. {_remedy(name)}") from None


def _remedy(name: str) -> str:
    return f"Add it again: stcolor models add {_WEIGHTS[name].file}"


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    """Named tensors from a file of weights that may come from anywhere."""
    import torch
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(f"There is no file {path}. Give the files of weights themselves.")
    if path.suffix.lower() == ".zip":
        raise ModelError(f"{path} is an archive. Unpack it and add the .pth files in it.")
    try:
        if path.suffix.lower() == ".safetensors":
            state = load_file(path)
        else:  # torch's older format is no zip, and cannot be mapped
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except _UNREADABLE:
        raise ModelError(f"{path} is damaged, or holds code besides weights: refused. Download it again.") from None
    if not isinstance(state, Mapping) or not all(_is_plain(key, value) for key, value in state.items()):
        raise ModelError(f"{path} holds no plain state dict. Add the published file, not a training checkpoint.")
    return dict(state)


def _is_plain(key: object, value: object) -> bool:
    import torch

    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        return False
    return value.layout == torch.strided and value.device.type == "cpu"


def _recognise(path: Path, state: dict[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """The name of the weights in a state dict, and its tensors with the types the network has."""
    import torch

    for name, published in _WEIGHTS.items():
        with torch.device("meta"):
            expected: dict[str, Tensor] = pkgutil.resolve_name(published.network)().state_dict()
        if _shapes(state) == _shapes(expected):
            # a file may store several tensors as views of one
            copies = {key: state[key].to(like.dtype, copy=True) for key, like in expected.items() if key in state}
            return name, {key: value.contiguous() for key, value in copies.items()}
    files = ", ".join(published.file for published in _WEIGHTS.values())
    raise ModelError(f"{path} is none of the weights known here ({files}): its {len(state)} tensors fit no network.")


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    # the batch counters of batch norm decide nothing, and older files lack them
    return {key: tuple(value.shape) for key, value in state.items() if not key.endswith(".num_batches_tracked")}


def _store(name: str, state: dict[str, Tensor]) -> AddedModel:
    from safetensors.torch import save

    data = save(state)
    sha256 = hashlib.sha256(data).hexdigest()
    manifest = {"name": name, "published": _WEIGHTS[name].url, "sha256": sha256, "bytes": len(data)}
    try:
        folder().mkdir(parents=True, exist_ok=True)
        _write(_path(name), data)
        _write(_manifest(name), json.dumps(manifest, indent=2).encode())
    except OSError as error:
        raise ModelError(
            f"{folder()} cannot be written ({error.strerror or error}). "
            "Make room there, or set STCOLOR_MODELS_DIR to another folder."
        ) from None
    return AddedModel(name=name, path=_path(name), sha256=sha256)


def _write(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    with atomic_path(path) as partial, partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
