"""Store weights that others publish as safetensors files, each with a small manifest that holds its checksum.

They are added once by hand and checked against the network that they belong to. Nothing is downloaded, and no pickled
code is run.
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
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from stcolor_core.errors import ModelError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.user_folders import user_folder
from stcolor_core.remedies import advise

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

# Raised by torch and safetensors for a file that is damaged, or that holds more than tensors.
_UNREADABLE = (
    *(AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(pickle.UnpicklingError, struct.error, zipfile.BadZipFile, SafetensorError),
)


@dataclass(frozen=True, kw_only=True)
class AddedModel:
    """Weights that `add` stored.

    Attributes:
        name: The name of the weights.
        path: The safetensors file.
        sha256: Its SHA-256 in hexadecimal digits.
    """

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class _Published:
    """Weights that others publish.

    Attributes:
        file: The name of the published file.
        url: The address of the download.
        network: The class of the network, in the notation of `pkgutil.resolve_name`.
        part: The entry of the published dictionary that is the state dict; None if the whole file is.
    """

    file: str
    url: str
    network: str
    part: str | None = None


_EXEMPLAR = "https://github.com/zhangmozhe/Deep-Exemplar-based-Video-Colorization"
_EXEMPLAR_URL = f"{_EXEMPLAR}/releases/download/v1.0/colorization_checkpoint.zip"
_MASKRCNN_FILE = "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
_TORCHVISION = "https://download.pytorch.org/models"
_RAFT = "torchvision.models.optical_flow"
_RAFT_SMALL_FILE = "raft_small_C_T_V2-01064c6d.pth"
_RAFT_LARGE_FILE = "raft_large_C_T_SKHT_V2-ff5fadd5.pth"
_FEATURES = "stcolor_core.method.features.exemplar"
_ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
_INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
_PERCEPTUAL = "stcolor_core.models.perceptual"
_WEIGHTS = {
    "vgg19_conv": _Published("vgg19_conv.pth", _EXEMPLAR_URL, f"{_FEATURES}:VGG19"),
    "nonlocal_net_iter_76000": _Published(
        "nonlocal_net_iter_76000.pth", _EXEMPLAR_URL, f"{_FEATURES}:CorrespondenceNet"
    ),
    "colornet_iter_76000": _Published(
        "colornet_iter_76000.pth", _EXEMPLAR_URL, "stcolor_core.method.refinement.exemplar:ColorNet"
    ),
    "maskrcnn_resnet50_fpn_v2": _Published(
        _MASKRCNN_FILE, f"{_TORCHVISION}/{_MASKRCNN_FILE}", "torchvision.models.detection:maskrcnn_resnet50_fpn_v2"
    ),
    "raft_small": _Published(_RAFT_SMALL_FILE, f"{_TORCHVISION}/{_RAFT_SMALL_FILE}", f"{_RAFT}:raft_small"),
    "raft_large": _Published(_RAFT_LARGE_FILE, f"{_TORCHVISION}/{_RAFT_LARGE_FILE}", f"{_RAFT}:raft_large"),
    "remasternet": _Published(
        "remasternet.pth.tar",
        "https://github.com/satoshiiizuka/siggraphasia2019_remastering",
        "stcolor_core.models.deepremaster:DeepRemasterColorNet",
        part="modelC",
    ),
    "alexnet": _Published(_ALEXNET_FILE, f"{_TORCHVISION}/{_ALEXNET_FILE}", "torchvision.models:alexnet"),
    "lpips_alex": _Published(
        "alex.pth",
        "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/alex.pth",
        f"{_PERCEPTUAL}:LpipsHeads",
    ),
    "fid_inception": _Published(
        _INCEPTION_FILE,
        f"https://github.com/mseitz/pytorch-fid/releases/download/fid_weights/{_INCEPTION_FILE}",
        f"{_PERCEPTUAL}:FidInception",
    ),
}


def folder() -> Path:
    """Return the folder of added weights: $STCOLOR_MODELS_DIR, else stcolor/models in the user's data folder."""
    if chosen := os.environ.get("STCOLOR_MODELS_DIR"):
        return Path(chosen).expanduser()
    return user_folder("data") / "models"


def installed() -> list[str]:
    """Return the names of the weights in `folder()`. Their checksums are not checked: see `verify`."""
    return [name for name in _WEIGHTS if _path(name).is_file() and _manifest(name).is_file()]


def add(paths: Iterable[Path]) -> list[AddedModel]:
    """Store published weights in `folder()` as safetensors with a checksum.

    Args:
        paths: .pth state dicts, or a dictionary of them as DeepRemaster publishes, of which only the tensors are read
            and no code is run, or .safetensors files. They are recognised by their keys and shapes, not by their names.

    Returns:
        The stored weights, in order.

    Raises:
        ModelError: Before anything is written, if a file is missing, damaged, holds more than tensors or fits no
            network; and if the folder cannot be written.
    """
    recognised = [_recognise(path, _read(path)) for path in paths]
    return [_store(name, tensors) for name, tensors in recognised]


def verify() -> list[str]:
    """Compute all checksums again.

    Returns:
        One line for each problem, with its remedy; empty if there is none.
    """
    problems = []
    for name in _WEIGHTS:
        if _path(name).exists() or _manifest(name).exists():
            try:
                _verified_path(name)
            except ModelError as error:
                problems.append(str(error))
    return problems


def load_weights(name: str) -> dict[str, Tensor]:
    """Return the state dict of stored weights, on the CPU.

    Args:
        name: The name of the weights.

    Raises:
        ModelError: If the weights are missing, with their address and how to add them, or if their checksum is wrong.
    """
    from safetensors.torch import load_file

    state: dict[str, Tensor] = load_file(_verified_path(name))
    return state


def missing(names: list[str]) -> ModelError:
    """Return the error for missing weights: which files, where they are published and how to add them.

    Args:
        names: Names of the weights; at least one.
    """
    files = " ".join(_WEIGHTS[name].file for name in names)
    return ModelError(
        f"Weights missing from {folder()}. Get {_WEIGHTS[names[0]].url} and {advise('add_weights', files)}"
    )


def _path(name: str) -> Path:
    return folder() / f"{name}.safetensors"


def _manifest(name: str) -> Path:
    return folder() / f"{name}.json"


def _verified_path(name: str) -> Path:
    """Return the file of stored weights once its checksum is verified."""
    expected = recorded_checksum(name)
    path = _path(name)
    try:
        actual = checksum(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}). {_remedy(name)}") from None
    if actual != expected:
        raise ModelError(f"{path} does not match its recorded checksum: it is damaged or changed. {_remedy(name)}")
    return path


def recorded_checksum(name: str) -> str:
    """Return the SHA-256 of weights as they were added, in hexadecimal digits.

    Args:
        name: The name of the weights.

    Raises:
        ModelError: If the weights or their manifest are missing or damaged.
    """
    if not _path(name).is_file():
        raise missing([name])
    try:
        return str(json.loads(_manifest(name).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ModelError(f"{_manifest(name)} does not hold a checksum. {_remedy(name)}") from None


def _remedy(name: str) -> str:
    return advise("add_weights_again", _WEIGHTS[name].file)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Args:
        path: The file.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file of weights from an untrusted source."""
    import torch
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(f"There is no file {path}. Give the paths of weight files.")
    if path.suffix.lower() == ".zip":
        raise ModelError(f"{path} is an archive. Unpack it and add the .pth files in it.")
    try:
        state: Any
        if path.suffix.lower() == ".safetensors":
            state = load_file(path)
        else:  # torch's older format is not a zip file and cannot be memory-mapped
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except _UNREADABLE:
        raise ModelError(f"{path} is damaged, or contains code besides weights. Download it again.") from None
    for published in _WEIGHTS.values():
        if isinstance(state, Mapping) and published.part is not None and published.part in state:
            state = state[published.part]
    if not isinstance(state, Mapping) or not all(_is_plain(key, value) for key, value in state.items()):
        raise ModelError(f"{path} is not a plain state dict. Add the published file, not a training checkpoint.")
    return dict(state)


def _is_plain(key: object, value: object) -> bool:
    import torch

    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        return False
    return value.layout == torch.strided and value.device.type == "cpu"


def _recognise(path: Path, state: dict[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """Return the name of the weights in a state dict, and the tensors in the types of the network."""
    import torch

    for name, published in _WEIGHTS.items():
        with torch.device("meta"):
            expected: dict[str, Tensor] = pkgutil.resolve_name(published.network)().state_dict()
        if _shapes(state) == _shapes(expected):
            # A file may store several tensors as views of one.
            copies = {key: state[key].to(like.dtype, copy=True) for key, like in expected.items() if key in state}
            return name, {key: value.contiguous() for key, value in copies.items()}
    files = ", ".join(published.file for published in _WEIGHTS.values())
    raise ModelError(
        f"{path} is not one of the known weights ({files}): its {len(state)} tensors fit no network. Add a listed file."
    )


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    # The batch counters of batch norm have no effect, and older files lack them.
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
            "Free space there, or set STCOLOR_MODELS_DIR to another folder."
        ) from None
    return AddedModel(name=name, path=_path(name), sha256=sha256)


def _write(path: Path, data: bytes) -> None:
    """Write a file atomically, and wait until the disk has it."""
    with atomic_path(path) as partial, partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
