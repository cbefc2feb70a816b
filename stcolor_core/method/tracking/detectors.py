"""Who finds the instances of a frame: torchvision's Mask R-CNN, or a model of detectron2 (Akimoto et al. 2020, 3.3).

Nothing is downloaded and no pickle is run: weights are tensors from a local file.
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
from numpy.typing import NDArray
from torch import Tensor, nn

from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.shots.shot import DetectorKind

__all__ = ["Detector", "Detectron2Detector", "TorchvisionDetector", "config_files", "open_detector"]

Weights = Mapping[str, Tensor] | Path


class Detector(Protocol):
    """Anything that finds instances in a black-and-white picture."""

    def detect(self, lightness: NDArray[np.float32]) -> Instances:
        """The instances of one frame: (H, W) L* 0..100 -> (K, H, W) masks without names, K may be 0."""
        ...


class TorchvisionDetector:
    """torchvision's `maskrcnn_resnet50_fpn_v2`; class ids are COCO's, 1..90.

    weights: its state dict (`models.load_weights`), or the file. score_threshold: detections below are dropped, 0..1.
    short_side: lines the network sees; 800 is what the published weights were trained with.
    Raises ModelError where the weights do not fit.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        score_threshold: float = 0.5,
        short_side: int = 800,
        device: torch.device | str = "cpu",
    ) -> None:
        from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

        state = _state(weights)
        network = maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, box_score_thresh=score_threshold, min_size=short_side
        )
        self._device = torch.device(device)
        self._network = _loaded(network, state, "torchvision's maskrcnn_resnet50_fpn_v2").to(self._device)

    def detect(self, lightness: NDArray[np.float32]) -> Instances:
        """See `Detector`. Masks are soft."""
        with torch.inference_mode():
            found = self._network([_grey(lightness, self._device)])[0]
        return _instances(found["masks"][:, 0], found["labels"], found["scores"])


class Detectron2Detector:
    """An instance segmentation model of detectron2, from a YAML config and weights on disk; class ids from 0.

    config: a local file, `_BASE_` included; no URL is followed and no tag in it is executed.
    weights: a state dict, or a .pth or .safetensors file. The .pkl files of the model zoo are pickles and are refused:
    save `DefaultPredictor(cfg).model.state_dict()` once as .pth.
    Raises ModelError where detectron2 is absent, the config is not usable or the weights do not fit.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        config: Path,
        score_threshold: float = 0.5,
        device: torch.device | str = "cpu",
    ) -> None:
        try:
            from detectron2.modeling import build_model
        except ImportError as error:
            raise ModelError(
                f"detectron2 cannot be imported ({error}). Build it for your torch from "
                "https://github.com/facebookresearch/detectron2, or take the torchvision detector."
            ) from None
        state, cfg = _state(weights), _detectron2_config(config)
        cfg.MODEL.DEVICE = str(device)
        cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = score_threshold
        self._device = torch.device(device)
        self._sides = (cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST)
        self._network = _loaded(build_model(cfg), state, f"the model of {config}")

    def detect(self, lightness: NDArray[np.float32]) -> Instances:
        """See `Detector`. Masks are hard, 0 or 1."""
        height, width = lightness.shape
        scale = min(self._sides[0] / min(height, width), self._sides[1] / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        # three equal channels: whether cfg.INPUT.FORMAT says RGB or BGR makes no difference
        picture = 255.0 * _grey(lightness, self._device)[None]
        picture = nn.functional.interpolate(picture, size=size, mode="bilinear", antialias=True)[0]
        with torch.inference_mode():
            found = self._network([{"image": picture, "height": height, "width": width}])[0]["instances"]
        if not found.has("pred_masks"):
            raise ModelError("This detectron2 model finds boxes without masks. Take a config with MODEL.MASK_ON: True.")
        return _instances(found.pred_masks, found.pred_classes, found.scores)


def open_detector(
    kind: DetectorKind,
    weights: Weights,
    *,
    config: Path | None = None,
    score_threshold: float = 0.5,
    device: torch.device | str = "cpu",
) -> Detector:
    """The detector of that kind. config: only detectron2 has one, and needs it.

    Raises BadRequest on an unknown kind or a missing config, ModelError as the detectors do.
    """
    if kind == "torchvision":
        return TorchvisionDetector(weights, score_threshold=score_threshold, device=device)
    if kind != "detectron2":
        raise BadRequest(f"There is no detector {kind!r}. Use torchvision or detectron2.")
    if config is None:
        raise BadRequest("The detectron2 detector needs the YAML config of its model besides the weights.")
    return Detectron2Detector(weights, config=config, score_threshold=score_threshold, device=device)


def _grey(lightness: NDArray[np.float32], device: torch.device) -> Tensor:
    """L*/100 in three channels, (3, H, W) 0..1: within 4 % of the sRGB grey that the detectors were trained on."""
    grey = torch.from_numpy(np.ascontiguousarray(lightness, np.float32)).to(device)
    return (grey / 100.0).clamp(0.0, 1.0).expand(3, -1, -1)


def _instances(masks: Tensor, labels: Tensor, scores: Tensor) -> Instances:
    return Instances(
        masks=masks.float().clamp(0.0, 1.0).cpu().numpy(),
        labels=labels.cpu().numpy(),
        scores=scores.float().clamp(0.0, 1.0).cpu().numpy(),
    )


def _loaded(network: Any, state: Mapping[str, Tensor], what: str) -> Any:
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ModelError(f"The weights do not fit {what}: {reason} Give the file made for it.") from None
    return network.eval().requires_grad_(False)


def _state(weights: Weights) -> Mapping[str, Tensor]:
    """Named tensors, from a .safetensors or .pth file where they are not given; of a checkpoint, its "model"."""
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
            f"The weights {path} are damaged, or are no plain tensors: save a state dict as .pth."
        ) from None
    state = state.get("model", state) if isinstance(state, Mapping) else {}
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def config_files(path: Path) -> list[Path]:
    """A detectron2 config and the configs that it builds on by `_BASE_`, each once.

    Raises ModelError where one of them cannot be read.
    """
    found: list[Path] = []
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        try:
            text = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise ModelError(f"The detectron2 config {file} cannot be read ({type(error).__name__}).") from None
        found.append(file)
        base = text.get("_BASE_", []) if isinstance(text, dict) else []
        bases = [base] if isinstance(base, str) else base if isinstance(base, list) else []
        waiting += [file.parent / Path(name).expanduser() for name in bases if isinstance(name, str)]
    return found


def _detectron2_config(path: Path) -> Any:
    from detectron2.config import CfgNode, get_cfg

    class LocalFiles(CfgNode):  # type: ignore[misc]
        """detectron2's own loader follows https:// in `_BASE_` and executes YAML tags; this one opens files only."""

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
