"""Weights trained elsewhere: all but the head are taken, and no file can do harm."""

import itertools
import json
import os
import pickle

import pytest
import torch
from conftest import ROOT, assert_one_clear_line, run_script
from safetensors.torch import save_file
from trap import Trap

from study.errors import StudyError
from study.models.build import build_model, build_recipe_model
from study.models.trained_weights import (
    head_of,
    library_normalization,
    library_weights,
    read_weights,
    take,
)

SHAPE = (32, 32, 3)
REAL = ROOT.parent / "shared/data/tf_efficientnet_lite0_imagenet.safetensors"


@pytest.mark.parametrize(
    "name",
    [
        *("cnn2", "cnn3", "resnet18", "resnet9", "fastnet", "dilated_separable"),
        "timm/vit_tiny_patch16_224",
    ],
)
def test_the_head_is_what_makes_a_logit_for_each_class(name):
    model = build_model(name, num_classes=7)
    layer = model.get_submodule(head_of(model, SHAPE))
    assert next(layer.parameters()).shape[0] == 7 and model.training


def test_a_network_for_other_classes_takes_all_but_its_head(tmp_path):
    trained, fresh = (build_model("cnn2", num_classes=n, filters=4) for n in (10, 3))
    state = {f"module.{name}": tensor for name, tensor in trained.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 7}, tmp_path / "net.pth")
    head = head_of(fresh, SHAPE)
    before = fresh.get_submodule(head).weight.clone()
    taken = take(fresh, read_weights(tmp_path / "net.pth"), head, "net.pth")
    assert taken.left_out == taken.new[::-1] == [f"{head}.bias", f"{head}.weight"]
    own, theirs = fresh.state_dict(), trained.state_dict()
    assert taken.loaded and all(torch.equal(own[name], theirs[name]) for name in taken.loaded)
    assert torch.equal(fresh.get_submodule(head).weight, before)


@pytest.mark.parametrize(
    ("other", "fragment"),
    [
        ({"name": "cnn2", "filters": 8}, "4×3×[0-9×]+ instead of 8×3×"),
        ({"name": "resnet18"}, "missing"),
    ],
)
def test_weights_of_another_network_name_the_first_tensors_that_differ(other, fragment):
    tensors = build_model("cnn2", filters=4).state_dict()
    model = build_model(**other)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(StudyError, match=f"net.pth: weights of another network .*{fragment}"):
        take(model, tensors, head_of(model, SHAPE), "net.pth")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_pickle_that_could_run_code_is_not_opened(tmp_path):
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"weight": Trap(tmp_path / "harm")}))
    torch.save({"weight": Trap(tmp_path / "harm")}, tmp_path / "zip.pth")
    for name in ("plain.pth", "zip.pth"):
        with pytest.raises(StudyError, match="could run code"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "text.safetensors", "empty.pth"])
def test_a_file_that_is_no_weights_is_named_in_one_line(tmp_path, name):
    path = tmp_path / name
    if name.startswith("cut"):
        save = save_file if name.endswith("safetensors") else torch.save
        save({"weight": torch.zeros(1000)}, path)
        os.truncate(path, 2000)
    else:
        path.write_text("hello" if name.startswith("text") else "")
    with pytest.raises(StudyError, match=name) as refused:
        read_weights(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
        lambda t: t.to_sparse(),
        lambda t: t.to("meta"),
        lambda t: t.to(torch.complex64),
        lambda t: t / 0,
        lambda t: t[:1, :1].expand(10**6, 10**6),
    ],
    ids=["quantized", "sparse", "meta", "complex", "nan", "expanded"],
)
def test_tensors_that_are_no_plain_numbers_are_refused(tmp_path, change):
    torch.save({"weight": change(torch.zeros(3, 3))}, tmp_path / "odd.pth")
    with pytest.raises(StudyError, match=r"odd.pth: weight is quantized, sparse"):
        read_weights(tmp_path / "odd.pth")


def test_a_file_without_tensors_by_name_is_refused(tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    with pytest.raises(StudyError, match="no tensors by name"):
        read_weights(tmp_path / "list.pth")


def test_a_library_without_a_network_says_what_to_do(monkeypatch):
    import timm

    def offline(*args, **options):
        raise OSError("name resolution\nfailed")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(StudyError, match=r"name resolution.*architecture\.weights") as refused:
        library_weights("timm/resnet10t")
    assert "\n" not in str(refused.value)


def test_the_normalisation_of_weights_is_the_librarys():
    lite0 = library_normalization("timm/tf_efficientnet_lite0")
    assert lite0 == {"mean": [0.5] * 3, "std": [0.5] * 3}
    assert library_normalization("torchvision/resnet18")["mean"] == [0.485, 0.456, 0.406]
    with pytest.raises(StudyError, match="write numbers or 'data'"):
        library_normalization("cnn2")


@pytest.mark.skipif(not REAL.is_file(), reason=f"no {REAL.name} in ../shared/data")
def test_real_imagenet_weights_fill_all_of_the_network_but_its_head():
    model = build_model("timm/tf_efficientnet_lite0", num_classes=5)
    taken = take(model, read_weights(REAL), head_of(model, SHAPE), REAL.name)
    assert taken.left_out == ["classifier.bias", "classifier.weight"] and len(taken.loaded) > 200


def take_weights(tmp_path, network, *, last=0, **recipe):
    """Take a file of weights of a network made for 64 pixels; the study's images have 32."""
    save_file(build_model(**network, image_size=64).state_dict(), tmp_path / "net.safetensors")
    recipe = {"normalize": "data", "architecture": network | {"weights": "weights"}} | recipe
    written = {f"--{name}": tmp_path / name for name in ("output", "record")}
    words = {"--recipe": json.dumps(recipe), "--image-size": 32, "--last": last} | written
    words["--file"] = tmp_path / "net.safetensors"
    return run_script("take_weights.py", *itertools.chain(*words.items()), check=False)


def test_weights_are_taken_before_there_are_images_by_the_size_that_the_network_sees(tmp_path):
    vit = {"name": "timm/vit_tiny_patch16_224", "embed_dim": 32, "depth": 2, "num_heads": 2}
    refused = take_weights(tmp_path, vit)
    assert_one_clear_line(refused.stderr, "weights of another network", "pos_embed")
    assert take_weights(tmp_path, vit, input_size=64).returncode == 0
    assert json.loads((tmp_path / "record").read_text())["new"] == ["head.weight", "head.bias"]


def test_more_blocks_than_there_are_are_refused_before_any_training(tmp_path):
    refused = take_weights(tmp_path, {"name": "cnn2", "filters": 4}, last=99)
    assert refused.returncode == 1
    assert_one_clear_line(refused.stderr, "last is 99, and CNN2 has 2 blocks", "write 2 or less")
    assert not (tmp_path / "output").exists() and not (tmp_path / "record").exists()


def test_a_recipes_input_size_scales_images_and_leaves_the_names_of_weights():
    recipe = {"architecture": {"name": "cnn2", "filters": 4}}
    plain, scaled = (
        build_recipe_model(recipe | more, num_classes=3, image_shape=(8, 8, 3))
        for more in ({}, {"input_size": 16})
    )
    assert plain.state_dict().keys() == scaled.state_dict().keys()
    at_its_size = build_model("cnn2", filters=4, num_classes=3, image_size=16)
    at_its_size.load_state_dict(scaled.state_dict())
    images = torch.rand(2, 3, 8, 8)
    larger = torch.nn.functional.interpolate(images, (16, 16), mode="bilinear")
    assert torch.allclose(scaled.eval()(images), at_its_size.eval()(larger))
