"""Instance detectors: torchvision's Mask R-CNN (He et al. 2017) or a model of detectron2.

Akimoto et al. 2020, section 3.3; see docs/method.md, "Instance tracking". Nothing is downloaded and no pickle is
executed: weights are tensors from a local file.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from stcolor_core.arrays import Plane
from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.shots.settings import DetectorKind

__all__ = ["Detector", "Detectron2Detector", "TorchvisionDetector", "config_files", "open_detector"]

Weights = Mapping[str, Tensor] | Path


class Detector(Protocol):
    """Detects instances in a black-and-white picture."""

    def detect(self, lightness: Plane) -> Instances:
        """Return the K instances of one frame, without names; K may be 0.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """
        ...


class TorchvisionDetector:
    """torchvision's `maskrcnn_resnet50_fpn_v2`; class ids are those of COCO, 1..90."""

    def __init__(
        self,
        weights: Weights,
        *,
        score_threshold: float = 0.5,
        short_side: int = 800,
        device: torch.device | str = "cpu",
    ) -> None:
        """Load the network.

        Args:
            weights: Its state dict, or the path of a .safetensors or .pth file.
            score_threshold: Detections with a lower score are dropped, 0..1.
            short_side: Length that the picture's short side is resized to, in pixels. The published weights were
                trained with 800.
            device: Device that the network runs on.

        Raises:
            ModelError: If the weights cannot be read or do not fit.
        """
        from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

        state = _read_state(weights)
        network = maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, box_score_thresh=score_threshold, min_size=short_side
        )
        self._device = torch.device(device)
        self._network = _load_state(network, state, "torchvision's maskrcnn_resnet50_fpn_v2").to(self._device)

    def detect(self, lightness: Plane) -> Instances:
        """Return the instances of one frame, with soft masks.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """
        with torch.inference_mode():
            detections = self._network([_to_grey(lightness, self._device)])[0]
        return _to_instances(detections["masks"][:, 0], detections["labels"], detections["scores"])


class Detectron2Detector:
    """An instance segmentation model of detectron2, from a YAML config and weights on disk; class ids count from 0."""

    def __init__(
        self,
        weights: Weights,
        *,
        config: Path,
        score_threshold: float = 0.5,
        device: torch.device | str = "cpu",
    ) -> None:
        """Load the model.

        Args:
            weights: A state dict, or the path of a .safetensors or .pth file. The model zoo's .pkl files are pickles
                and are refused: save `DefaultPredictor(cfg).model.state_dict()` once as .pth.
            config: A local YAML file; its `_BASE_` files too must be local. No URL is opened and no YAML tag executed.
            score_threshold: Detections with a lower score are dropped, 0..1.
            device: Device that the model runs on.

        Raises:
            ModelError: If detectron2 is not installed, the config is not usable or the weights do not fit.
        """
        try:
            from detectron2.modeling import build_model
        except ImportError as error:
            raise ModelError(
                f"detectron2 cannot be imported ({error}). Build it for your torch from "
                "https://github.com/facebookresearch/detectron2, or use the torchvision detector."
            ) from None
        state, cfg = _read_state(weights), _read_detectron2_config(config)
        cfg.MODEL.DEVICE = str(device)
        cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = score_threshold
        self._device = torch.device(device)
        self._sides = (cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST)
        self._network = _load_state(build_model(cfg), state, f"the model of {config}")

    def detect(self, lightness: Plane) -> Instances:
        """Return the instances of one frame, with hard masks, 0 or 1.

        Args:
            lightness: L*, shape (H, W), 0..100.

        Raises:
            ModelError: If the model detects boxes without masks.
        """
        height, width = lightness.shape
        scale = min(self._sides[0] / min(height, width), self._sides[1] / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        # The three channels are equal, so cfg.INPUT.FORMAT, RGB or BGR, does not matter.
        picture = 255.0 * _to_grey(lightness, self._device)[None]
        picture = nn.functional.interpolate(picture, size=size, mode="bilinear", antialias=True)[0]
        with torch.inference_mode():
            detections = self._network([{"image": picture, "height": height, "width": width}])[0]["instances"]
        if not detections.has("pred_masks"):
            raise ModelError(
                "This detectron2 model detects boxes without masks. Use a config with MODEL.MASK_ON: True."
            )
        return _to_instances(detections.pred_masks, detections.pred_classes, detections.scores)


def open_detector(
    kind: DetectorKind,
    weights: Weights,
    *,
    config: Path | None = None,
    score_threshold: float = 0.5,
    device: torch.device | str = "cpu",
) -> Detector:
    """Return a detector.

    Args:
        kind: "torchvision" or "detectron2".
        weights: Its state dict, or the path of a .safetensors or .pth file.
        config: The YAML config of a detectron2 model; ignored by torchvision.
        score_threshold: Detections with a lower score are dropped, 0..1.
        device: Device that the detector runs on.

    Raises:
        BadRequest: If the kind is unknown or the config is missing.
        ModelError: If the detector cannot be loaded.
    """
    if kind == "torchvision":
        return TorchvisionDetector(weights, score_threshold=score_threshold, device=device)
    if kind != "detectron2":
        raise BadRequest(f"There is no detector {kind!r}. Use torchvision or detectron2.")
    if config is None:
        raise BadRequest("The detectron2 detector needs the YAML config of its model as well as the weights.")
    return Detectron2Detector(weights, config=config, score_threshold=score_threshold, device=device)


def _to_grey(lightness: Plane, device: torch.device) -> Tensor:
    """Return L*/100 in three channels, (3, H, W) 0..1: within 4 % of the sRGB grey that detectors are trained with."""
    grey = torch.from_numpy(np.ascontiguousarray(lightness, np.float32)).to(device)
    return (grey / 100.0).clamp(0.0, 1.0).expand(3, -1, -1)


def _to_instances(masks: Tensor, labels: Tensor, scores: Tensor) -> Instances:
    return Instances(
        masks=masks.float().clamp(0.0, 1.0).cpu().numpy(),
        labels=labels.cpu().numpy(),
        scores=scores.float().clamp(0.0, 1.0).cpu().numpy(),
    )


def _load_state(network: Any, state: Mapping[str, Tensor], name: str) -> Any:
    """Load a state dict into a network and return it, ready for inference. name: of the network, for the error."""
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ModelError(f"The weights do not fit {name}: {reason} Choose the file made for it.") from None
    return network.eval().requires_grad_(False)


def _read_state(weights: Weights) -> Mapping[str, Tensor]:
    """Return a state dict as it is, or read it from a .safetensors or .pth file, from "model" if it is a checkpoint."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not isinstance(weights, Path):
        return weights
    path = weights
    try:
        if path.suffix.lower() == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except OSError as error:
        raise ModelError(f"The weights {path} cannot be read ({error.strerror or error}).") from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
        raise ModelError(
            f"The weights {path} are damaged or hold more than tensors. Save a state dict as .pth."
        ) from None
    state = state.get("model", state) if isinstance(state, Mapping) else {}
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def config_files(path: Path) -> list[Path]:
    """Return a detectron2 config and its base configs (`_BASE_`), each once.

    Args:
        path: The config.

    Raises:
        ModelError: If one of them cannot be read.
    """
    files: list[Path] = []
    pending = [path]
    while pending:
        file = pending.pop()
        if file in files:
            continue
        try:
            text = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise ModelError(f"The detectron2 config {file} cannot be read ({type(error).__name__}).") from None
        files.append(file)
        base = text.get("_BASE_", []) if isinstance(text, dict) else []
        bases = [base] if isinstance(base, str) else base if isinstance(base, list) else []
        pending += [file.parent / Path(name).expanduser() for name in bases if isinstance(name, str)]
    return files


def _read_detectron2_config(path: Path) -> Any:
    from detectron2.config import CfgNode, get_cfg

    class LocalFiles(CfgNode):  # type: ignore[misc]
        """Opens local files only; detectron2's own loader follows https:// in `_BASE_` and executes YAML tags."""

        @classmethod
        def _open_cfg(cls, filename: str) -> Any:
            return Path(filename).open(encoding="utf-8")

    cfg = get_cfg()
    try:
        cfg.merge_from_other_cfg(CfgNode(LocalFiles.load_yaml_with_base(str(path), allow_unsafe=False)))
    except (OSError, yaml.YAMLError, AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"The detectron2 config {path} is not usable ({reason}).") from None
    return cfg
