"""The detectors for real: torchvision's network with seeded weights; detectron2's if it is installed."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.method.tracking.detectors import Detectron2Detector, TorchvisionDetector, open_detector

LIGHTNESS = np.random.default_rng(0).uniform(0, 100, (40, 56)).astype(np.float32)
SHORT_SIDE = 32
BOTTLE = 44  # of COCO's 91 classes


@pytest.fixture(scope="module")
def state():
    from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

    torch.manual_seed(0)
    return maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).state_dict()


def sure_of_bottles(state, how_sure):
    """The same network, biased to detect bottles everywhere: at 5 with a score of 0.62, at 9 with 0.99."""
    bias = torch.zeros(91)
    bias[BOTTLE] = how_sure
    weight = torch.zeros_like(state["roi_heads.box_predictor.cls_score.weight"])
    return {**state, "roi_heads.box_predictor.cls_score.bias": bias, "roi_heads.box_predictor.cls_score.weight": weight}


def test_torchvision_finds_instances_with_masks_labels_and_scores(state):
    found = TorchvisionDetector(sure_of_bottles(state, 9.0), short_side=SHORT_SIDE).detect(LIGHTNESS)
    assert found.masks.shape[1:] == LIGHTNESS.shape
    assert len(found.masks) == len(found.labels) == len(found.scores) > 0
    assert set(found.labels.tolist()) == {BOTTLE}
    assert found.scores.min() >= 0.5
    assert found.names is None


def test_detections_below_the_score_threshold_are_dropped_even_if_none_remains(state):
    detector = TorchvisionDetector(sure_of_bottles(state, 5.0), score_threshold=0.7, short_side=SHORT_SIDE)
    assert detector.detect(LIGHTNESS).masks.shape == (0, *LIGHTNESS.shape)


def test_a_detector_is_opened_by_its_name(state):
    assert isinstance(open_detector("torchvision", state), TorchvisionDetector)


def test_weights_of_another_network_are_refused_in_one_line(state):
    with pytest.raises(ModelError, match="do not fit torchvision's maskrcnn_resnet50_fpn_v2") as error:
        TorchvisionDetector({key: value for key, value in state.items() if "mask" not in key})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["weights.pth", "checkpoint.pth", "weights.safetensors"])
def test_weights_may_be_a_file(name, tmp_path):
    path, state = tmp_path / name, {"no.such.layer": torch.ones(1)}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state, "iteration": 1} if path.stem == "checkpoint" else state, path)
    with pytest.raises(ModelError, match=r"Unexpected key.*no\.such\.layer"):  # so it was read
        TorchvisionDetector(path)


class Trap:
    def __reduce__(self):
        return Path.touch, (Path("trapped"),)


def test_a_pickle_is_refused_and_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model_final.pkl"
    path.write_bytes(pickle.dumps({"model": {"weight": Trap()}}, protocol=2))
    with pytest.raises(ModelError, match=r"model_final\.pkl are damaged.*Save a state dict as \.pth"):
        TorchvisionDetector(path)
    assert not Path("trapped").exists()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off", b"no weights"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_missing_or_damaged_weights_give_one_line_with_the_file(content, suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="weights") as error:
        TorchvisionDetector(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_detector_is_a_bad_request():
    with pytest.raises(BadRequest, match="torchvision or detectron2"):
        open_detector("yolo", {})  # type: ignore[arg-type]


def test_detectron2_needs_a_config():
    with pytest.raises(BadRequest, match="config"):
        open_detector("detectron2", {})


@pytest.mark.skipif(importlib.util.find_spec("detectron2") is not None, reason="detectron2 is installed here")
def test_if_detectron2_is_missing_the_error_explains_how_to_install_it(tmp_path):
    with pytest.raises(ModelError, match=r"detectron2 cannot be imported .* Build it .* torchvision detector"):
        open_detector("detectron2", {}, config=tmp_path / "config.yaml")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A small Mask R-CNN of detectron2, as a config that extends another."""
    pytest.importorskip("detectron2", reason="detectron2 has no wheel; built only if it is wanted")
    folder = tmp_path_factory.mktemp("detectron2")
    (folder / "base.yaml").write_text(
        "MODEL:\n"
        "  META_ARCHITECTURE: GeneralizedRCNN\n"
        "  BACKBONE: {NAME: build_resnet_fpn_backbone}\n"
        "  RESNETS: {OUT_FEATURES: [res2, res3, res4, res5]}\n"
        "  FPN: {IN_FEATURES: [res2, res3, res4, res5]}\n"
        "  ANCHOR_GENERATOR: {SIZES: [[32], [64], [128], [256], [512]]}\n"
        "  RPN: {IN_FEATURES: [p2, p3, p4, p5, p6], POST_NMS_TOPK_TEST: 20}\n"
        "  ROI_HEADS: {NAME: StandardROIHeads, IN_FEATURES: [p2, p3, p4, p5]}\n"
        "  ROI_BOX_HEAD: {NAME: FastRCNNConvFCHead, NUM_FC: 2, POOLER_RESOLUTION: 7}\n"
        "  ROI_MASK_HEAD: {NAME: MaskRCNNConvUpsampleHead, NUM_CONV: 4, POOLER_RESOLUTION: 14}\n"
        "INPUT: {MIN_SIZE_TEST: 64, MAX_SIZE_TEST: 96}\n"
        "VERSION: 2\n"
    )
    (folder / "config.yaml").write_text("_BASE_: base.yaml\nMODEL:\n  MASK_ON: True\n  RESNETS: {DEPTH: 50}\n")
    return folder / "config.yaml"


@pytest.fixture(scope="module")
def detectron2_state(config):
    from detectron2.config import get_cfg
    from detectron2.modeling import build_model

    cfg = get_cfg()
    cfg.merge_from_file(str(config))
    cfg.MODEL.DEVICE = "cpu"
    torch.manual_seed(0)
    state = build_model(cfg).state_dict()
    state["roi_heads.box_predictor.cls_score.weight"].zero_()
    state["roi_heads.box_predictor.cls_score.bias"][3] = 9.0
    return state


def test_detectron2_finds_instances_with_masks_labels_and_scores(config, detectron2_state):
    found = open_detector("detectron2", detectron2_state, config=config).detect(LIGHTNESS)
    assert found.masks.shape[1:] == LIGHTNESS.shape
    assert len(found.masks) > 0
    assert set(found.labels.tolist()) == {3}
    assert set(np.unique(found.masks)) <= {0.0, 1.0}


def test_detectron2_may_find_nothing(config, detectron2_state):
    state = {**detectron2_state, "roi_heads.box_predictor.cls_score.bias": torch.zeros(81)}
    assert Detectron2Detector(state, config=config).detect(LIGHTNESS).masks.shape == (0, *LIGHTNESS.shape)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("_BASE_: https://example.invalid/base.yaml\n", id="a base on the net"),
        pytest.param("MODEL: !!python/object/apply:pathlib.Path.touch [trapped]\n", id="a tag that runs code"),
        pytest.param("NO_SUCH_SETTING: 1\n", id="an unknown setting"),
        pytest.param("[1, 2", id="not YAML"),
        pytest.param("only words", id="not a mapping"),
        pytest.param(None, id="a missing file"),
    ],
)
def test_an_unusable_detectron2_config_is_refused_in_one_line(text, tmp_path, monkeypatch):
    pytest.importorskip("detectron2", reason="detectron2 has no wheel; built only if it is wanted")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError, match="is not usable") as error:
        Detectron2Detector({}, config=path)
    assert "\n" not in str(error.value)
    assert not Path("trapped").exists()
