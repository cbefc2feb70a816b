"""The registry: published weights are added, checked and kept; models are built from them; the rest is refused."""

from __future__ import annotations

import hashlib
import json
import pickle
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.method.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures
from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement
from stcolor_core.models import registry
from stcolor_core.models.deepremaster import DeepRemasterColorNet
from stcolor_core.models.perceptual import FidInception, LpipsHeads

SEEDED = runpy.run_path(str(Path(__file__).parents[1].joinpath("data") / "exemplar_fixture.py"))
EXEMPLAR = {"vgg19_conv": VGG19, "nonlocal_net_iter_76000": CorrespondenceNet, "colornet_iter_76000": ColorNet}

SHIPPED = {"standard", "keyframe_cleaning"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "models"))
    yield tmp_path / "models"
    shutil.rmtree(tmp_path / "models", ignore_errors=True)  # hundreds of megabytes, which pytest would keep


def blank_state(kind, value=0.0):
    """A state dict that is small on disk: every tensor is one number, repeated by its strides."""
    with torch.device("meta"):
        shapes = {key: (tensor.shape, tensor.dtype) for key, tensor in kind().state_dict().items()}
    return {key: torch.tensor(value).to(dtype).expand(shape) for key, (shape, dtype) in shapes.items()}


@pytest.fixture
def published(tmp_path):
    """Something that fits the correspondence net, the smallest of the published files."""
    path = tmp_path / "nonlocal_net_iter_76000.pth"
    torch.save(blank_state(CorrespondenceNet, 0.5), path)
    return path


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def is_empty(folder):
    return not folder.exists() or not any(folder.iterdir())


def test_the_registry_states_which_models_propagate_colour_from_frame_to_frame():
    assert registry.is_recurrent("exemplar") == ExemplarRefinement.recurrent
    assert registry.is_recurrent("standard") == registry.build("standard", device="cpu").refinement.recurrent


# Folders and files


def test_the_registry_is_read_without_loading_torch():
    code = (
        "import sys, stcolor_core.models.registry as m; m.list_models(); m.installed(); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "platform, variable, default",
    [
        pytest.param("linux", "XDG_DATA_HOME", ".local/share", id="linux"),
        pytest.param("darwin", None, "Library/Application Support", id="macos"),
        pytest.param("win32", "LOCALAPPDATA", "AppData/Local", id="windows"),
    ],
)
def test_weights_are_in_the_user_data_folder_of_the_platform(tmp_path, monkeypatch, platform, variable, default):
    monkeypatch.delenv("STCOLOR_MODELS_DIR")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert registry.folder() == tmp_path / default / "stcolor" / "models"
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
        assert registry.folder() == tmp_path / "elsewhere" / "stcolor" / "models"


@pytest.mark.parametrize(
    "model, files",
    [
        ("deepremaster", {"remasternet": DeepRemasterColorNet}),
        ("lpips", {"alexnet": torchvision.models.alexnet, "lpips_alex": LpipsHeads}),
        ("fid", {"fid_inception": FidInception}),
    ],
)
def test_networks_of_the_evaluation_load_from_their_published_files(tmp_path, model, files):
    """The files are those of the authors in names, keys and shapes; DeepRemaster's holds two networks."""
    for name, kind in files.items():
        state = blank_state(kind, 0.25)
        counters = [key for key in state if key.endswith(".num_batches_tracked")]
        if name == "remasternet":
            state = {"modelR": {"conv.weight": torch.zeros(1)}, "modelC": state}
        else:
            state = {key: value for key, value in state.items() if key not in counters}  # as older files lack them
        torch.save(state, tmp_path / "file.pth.tar")
        (added,) = registry.add([tmp_path / "file.pth.tar"])
        assert added.name == name
        network = registry.load_network(kind, name, "cpu")
        assert not network.training
        assert all((value == 0.25).all() for key, value in network.state_dict().items() if not key.endswith("tracked"))
    assert {info.name for info in registry.list_models() if info.present} == {*SHIPPED, model}


def test_a_file_with_another_network_in_place_of_deepremasters_is_refused(tmp_path, folder):
    torch.save({"modelC": {"conv.weight": torch.zeros(1)}}, tmp_path / "remasternet.pth.tar")
    with pytest.raises(ModelError, match=r"remasternet\.pth\.tar is not one of the known weights"):
        registry.add([tmp_path / "remasternet.pth.tar"])
    assert is_empty(folder)


def test_only_the_standard_model_and_the_cleaning_of_keyframes_need_no_added_weights():
    assert {info.name for info in registry.list_models() if info.present} == SHIPPED
    models, flows = {"standard", "exemplar"}, {"raft_small", "raft_large"}
    others = {"keyframe_cleaning", "maskrcnn_resnet50_fpn_v2", *flows, "deepremaster", "lpips", "fid"}
    assert {info.name for info in registry.list_models()} == models | others
    for name in others:
        with pytest.raises(BadRequest, match="standard, exemplar"):
            registry.build(name, device="cpu")
    assert all(info.summary and info.licence for info in registry.list_models())


# Adding


@pytest.mark.parametrize("zipped", [True, False], ids=["zip format", "older format"])
def test_weights_are_recognised_by_their_content_and_stored_with_their_checksum(tmp_path, folder, zipped):
    state = blank_state(CorrespondenceNet, 0.25)
    torch.save(state, tmp_path / "renamed.bin", _use_new_zipfile_serialization=zipped)
    (added,) = registry.add([tmp_path / "renamed.bin"])
    assert (added.name, added.path.parent) == ("nonlocal_net_iter_76000", folder)
    assert added.sha256 == hashlib.sha256(added.path.read_bytes()).hexdigest()
    assert json.loads((folder / "nonlocal_net_iter_76000.json").read_text())["sha256"] == added.sha256
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]

    found = registry.load_weights(added.name)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)
    assert registry.installed() == [added.name]
    assert registry.verify() == []


def test_converted_weights_can_be_added_on_another_machine(published, tmp_path, monkeypatch):
    (first,) = registry.add([published])
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "models" / "other"))
    (second,) = registry.add([first.path])
    assert second.path != first.path
    assert (second.name, second.sha256) == (first.name, first.sha256)


def test_weights_are_converted_to_the_types_of_their_network(tmp_path):
    halves = {key: tensor.half() for key, tensor in blank_state(CorrespondenceNet, 0.5).items()}
    torch.save(halves, tmp_path / "half.pth")
    (added,) = registry.add([tmp_path / "half.pth"])
    assert {tensor.dtype for tensor in registry.load_weights(added.name).values()} == {torch.float32}


def test_the_torchvision_detector_is_recognised_with_or_without_batch_counters(tmp_path):
    state = {key: tensor for key, tensor in blank_state(maskrcnn_resnet50_fpn_v2).items() if "num_batches" not in key}
    torch.save(state, tmp_path / "detector.pth")
    (added,) = registry.add([tmp_path / "detector.pth"])
    assert added.name == "maskrcnn_resnet50_fpn_v2"
    assert {info.name: info.present for info in registry.list_models()}["maskrcnn_resnet50_fpn_v2"]
    with torch.device("meta"):
        network = maskrcnn_resnet50_fpn_v2()
    network.load_state_dict(registry.load_weights(added.name), strict=True, assign=True)


# Refusing


class _Code:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.write_text, (self.marker, "ran")


@pytest.mark.parametrize("form", ["zip format", "older format", "bare pickle"])
def test_a_file_that_holds_code_is_refused_and_never_run(tmp_path, folder, form):
    path, marker = tmp_path / "vgg19_conv.pth", tmp_path / "marker"
    state = dict(blank_state(CorrespondenceNet), extra=_Code(marker))
    if form == "bare pickle":
        path.write_bytes(pickle.dumps(_Code(marker), protocol=2))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip format")
    with pytest.raises(ModelError) as error:
        registry.add([path])
    assert str(path) in one_line(error)
    assert "code" in one_line(error)
    assert not marker.exists()
    assert is_empty(folder)


@pytest.mark.parametrize("form", ["zip format", "older format", "safetensors"])
def test_a_damaged_file_is_refused(published, tmp_path, folder, form):
    torch.save(blank_state(CorrespondenceNet), published, _use_new_zipfile_serialization=form == "zip format")
    path = published
    if form == "safetensors":
        path = tmp_path / "copy.safetensors"
        registry.add([published])[0].path.rename(path)
        shutil.rmtree(folder)
    whole = path.read_bytes()
    stream = np.random.default_rng(0)
    contents = [b"", b"not weights", stream.bytes(1000), *(whole[: len(whole) * cut // 8] for cut in range(1, 8))]
    if form != "zip format":  # the first bytes of a zip file are not read
        places = stream.integers(0, 400, 25)
        contents += [whole[:place] + stream.bytes(20) + whole[place + 20 : 1 << 20] for place in places]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ModelError) as error:
            registry.add([path])
        assert str(path) in one_line(error)
    assert is_empty(folder)


@pytest.mark.parametrize(
    "content, words",
    [
        pytest.param({"state_dict": {"theta.bias": torch.zeros(256)}}, "not a plain state dict", id="checkpoint"),
        pytest.param([torch.zeros(3)], "not a plain state dict", id="list"),
        pytest.param({1: torch.zeros(3)}, "not a plain state dict", id="numbered"),
        pytest.param(
            {"theta.bias": torch.zeros(256).to_sparse()},
            "not a plain state dict",
            id="sparse",
            marks=pytest.mark.filterwarnings("ignore:Validating sparse tensor"),
        ),
        pytest.param({"theta.bias": torch.zeros(256, device="meta")}, "not a plain state dict", id="no values"),
        pytest.param({"theta.bias": torch.zeros(256)}, "its 1 tensors fit no network", id="other keys"),
        pytest.param(
            blank_state(CorrespondenceNet) | {"theta.bias": torch.zeros(255)}, "fit no network", id="other shapes"
        ),
    ],
)
def test_tensors_other_than_the_published_weights_are_refused(tmp_path, folder, content, words):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=words) as error:
        registry.add([tmp_path / "other.pth"])
    assert str(tmp_path / "other.pth") in one_line(error)
    assert is_empty(folder)


def test_the_error_for_the_published_archive_asks_to_unpack_it(published, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "colorization_checkpoint"), "zip", tmp_path, published.name)
    with pytest.raises(ModelError, match=r"Unpack it and add the \.pth files"):
        registry.add([Path(archive)])


@pytest.mark.parametrize("name", ["absent.pth", "."])
def test_a_path_that_is_not_a_file_is_refused(tmp_path, name):
    with pytest.raises(ModelError, match="There is no file"):
        registry.add([tmp_path / name])


def test_if_one_of_several_files_is_bad_none_is_added(published, tmp_path, folder):
    with pytest.raises(ModelError):
        registry.add([published, tmp_path / "absent.pth"])
    assert is_empty(folder)


def test_a_folder_that_cannot_be_written_is_named(published, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "file" / "models"))
    with pytest.raises(ModelError, match="cannot be written") as error:
        registry.add([published])
    assert str(tmp_path / "file" / "models") in one_line(error)


def test_a_full_disk_leaves_no_partly_written_file(published, folder):
    resource = pytest.importorskip("resource")  # a limit on the size of files stands for the full disk
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(ModelError, match="cannot be written"):
            registry.add([published])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert is_empty(folder)


# Missing and damaged weights


def test_missing_weights_are_named_with_their_address_and_the_command(folder):
    for ask in (lambda: registry.build("exemplar", device="cpu"), lambda: registry.digest("exemplar")):
        with pytest.raises(ModelError) as error:
            ask()
        message = one_line(error)
        files = "vgg19_conv.pth nonlocal_net_iter_76000.pth colornet_iter_76000.pth"
        assert f"stcolor models add {files}" in message
        assert "https://github.com/zhangmozhe/Deep-Exemplar-based-Video-Colorization/releases" in message
        assert str(folder) in message
    with pytest.raises(ModelError, match=r"stcolor models add maskrcnn_resnet50_fpn_v2_coco-73cbd019\.pth"):
        registry.load_weights("maskrcnn_resnet50_fpn_v2")


def test_only_missing_weights_are_requested(published):
    registry.add([published])
    with pytest.raises(ModelError, match=r"add vgg19_conv\.pth colornet_iter_76000\.pth$"):
        registry.build("exemplar", device="cpu")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage, words",
    [
        pytest.param(lambda path: flip_a_bit(path), "does not match its recorded checksum", id="changed weights"),
        pytest.param(lambda path: path.write_bytes(b""), "does not match its recorded checksum", id="empty weights"),
        pytest.param(lambda path: path.unlink(), "Weights missing", id="no weights"),
        pytest.param(lambda path: path.with_suffix(".json").unlink(), "does not hold a checksum", id="no manifest"),
        pytest.param(
            lambda path: path.with_suffix(".json").write_text("[1"), "does not hold a checksum", id="broken manifest"
        ),
    ],
)
def test_damaged_weights_are_detected_and_adding_them_again_repairs_them(published, damage, words):
    (added,) = registry.add([published])
    damage(added.path)
    with pytest.raises(ModelError, match=words) as error:
        registry.load_weights(added.name)
    assert "stcolor models add nonlocal_net_iter_76000.pth" in one_line(error)
    assert registry.verify() == [str(error.value)]
    registry.add([published])
    assert registry.verify() == []


# Building


def test_an_unknown_model_is_a_bad_request():
    for ask in (lambda: registry.build("other", device="cpu"), lambda: registry.digest("other")):
        with pytest.raises(BadRequest, match="no model 'other'"):
            ask()


def test_the_standard_model_runs_with_nothing_added():
    model = registry.build("standard", device="cpu")
    assert (model.name, model.temperature, model.radius, model.color_features) == ("standard", 0.035, None, False)
    assert model.features.target(torch.rand(40, 50) * 100).shape[1:] == (10, 13)


def test_a_digest_is_short_and_stable_and_changes_with_the_weights(tmp_path):
    standard = registry.digest("standard")
    assert len(standard) == 16
    assert standard == registry.digest("standard")

    for name, kind in EXEMPLAR.items():
        torch.save(blank_state(kind), tmp_path / f"{name}.pth")
    registry.add([tmp_path / f"{name}.pth" for name in EXEMPLAR])
    digests = [standard, registry.digest("exemplar")]
    for value in (0.5, 0.0):
        torch.save(blank_state(CorrespondenceNet, value), tmp_path / "other.pth")
        registry.add([tmp_path / "other.pth"])
        digests.append(registry.digest("exemplar"))
    assert digests[3] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.slow
def test_the_exemplar_model_agrees_with_its_networks_once_the_published_files_are_added(tmp_path):
    networks = {name: SEEDED["seeded"](kind) for name, kind in EXEMPLAR.items()}
    paths = [tmp_path / f"{name}.pth" for name in EXEMPLAR]
    for path, network in zip(paths, networks.values(), strict=True):
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    assert [added.name for added in registry.add(paths)] == list(EXEMPLAR)
    for path in paths:
        path.unlink()

    model = registry.build("exemplar", device="cpu")
    assert (model.name, model.temperature, model.radius, model.color_features) == ("exemplar", 0.01, 9, True)
    vgg, net, color = networks.values()
    features, refinement = ExemplarFeatures(vgg, net), ExemplarRefinement(color)
    picture = SEEDED["pictures"]()[0].float()
    assert torch.equal(model.features.target(picture[0]), features.target(picture[0]))
    assert torch.equal(model.features.reference(picture[0], picture[1:]), features.reference(picture[0], picture[1:]))
    given = {"lightness": picture[0], "warped_ab": picture[1:], "similarity": picture[0] / 100}
    assert torch.equal(model.refinement(**given), refinement(**given))
