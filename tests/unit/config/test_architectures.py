"""Architectures by name: your own files and the models of two libraries; none is registered."""

import ast
import copy
import subprocess
import sys

import pytest
import torch
from conftest import clean_environment, forget_code, model_template
from torch import nn

from study.code import code_digest
from study.config import architectures as registry
from study.config.architectures import architecture_modules, check_architecture, library_models
from study.errors import StudyError
from study.models import build
from study.models.build import build_model, build_recipe_model
from study.models.gradcam import grad_cam
from study.models.gradcam_layers import NoMaps, gradcam_layers
from study.models.layers import describe_layers
from study.models.receptive_field import NoField, receptive_fields
from study.training.checkpoints import load_checkpoint, save_checkpoint
from study.training.trainer import ImageSet, new_trainer

TINY_VIT = {
    "name": "timm/vit_tiny_patch16_224",
    "patch_size": 8,
    "embed_dim": 32,
    "depth": 2,
    "num_heads": 2,
}


def recipe_model(name, shape=(32, 32, 3), classes=10, **options):
    return build_recipe_model(
        {"architecture": {"name": name} | options}, num_classes=classes, image_shape=shape
    )


def test_the_names_of_library_models_are_those_that_the_libraries_list():
    import timm
    import torchvision

    assert library_models("torchvision") == torchvision.models.list_models(
        module=torchvision.models
    )
    assert set(library_models("timm")) == set(timm.list_models(include_tags=False))
    assert library_models("no_such_library") is None


@pytest.mark.parametrize(
    ("wanted", "fragment"),
    [
        ({"name": "my_net"}, "unknown architecture 'my_net'; known: cnn2"),
        (
            {"name": "cnn2", "filter": 3},
            "no option 'filter'; did you mean 'filters'? it has: filters",
        ),
        ({"name": "cnn2", "num_classes": 3}, "no option 'num_classes'"),
        ({"name": "layers"}, "expected one class whose __init__ takes num_classes"),
        ({"name": "../errors"}, "expected torchvision or timm"),
        ({"name": "a b"}, "unknown architecture"),
        ({"name": "torchvision/resnet81"}, "did you mean 'resnet18'"),
        ({"name": "timm/resnet10t.c3_in1k"}, "did you mean 'resnet10t'"),
        ({"name": "torchvision/fasterrcnn_resnet50_fpn"}, "no image classifier"),
        ({"name": "keras/resnet18"}, "expected torchvision or timm"),
        ({"name": "timm/resnet10t", "pretrained": False}, "write that instead of 'pretrained'"),
        ({"name": "timm/resnet10t", "in_chans": 3}, "'in_chans' follows from the study's data"),
        ({"name": "torchvision/googlenet", "aux_logits": True}, "no loss for them"),
    ],
)
def test_what_there_is_not_is_refused_in_one_line_that_says_what_there_is(wanted, fragment):
    with pytest.raises(StudyError) as refused:
        check_architecture(wanted)
    assert fragment in str(refused.value) and "\n" not in str(refused.value)


def test_an_option_that_a_library_does_not_know_is_refused():
    for name in ("torchvision/resnet18", "timm/resnet10t"):
        with pytest.raises(StudyError, match="unexpected keyword argument 'depth'"):
            build_model(name, depth=3)


def test_without_timm_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(StudyError, match=r"pip install 'timm>="):
        build_model("timm/resnet10t")


@pytest.mark.parametrize("name", ["torchvision/shufflenet_v2_x0_5", "timm/resnet10t"])
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 40, 3)])
def test_library_models_take_the_images_and_classes_of_the_study(name, shape):
    model = recipe_model(name, shape, 7)
    height, width, channels = shape
    assert model.training and model(torch.zeros(2, channels, height, width)).shape == (2, 7)


def test_models_of_one_size_are_made_for_the_size_of_the_study():
    recipe_model(**TINY_VIT, shape=(24, 24, 3))
    recipe_model("torchvision/vit_b_16", shape=(48, 48, 3))


def test_seeds_decide_the_weights():
    def weights(seed):
        torch.manual_seed(seed)
        return recipe_model("timm/resnet10t").conv1[0].weight

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))


def test_models_with_auxiliary_outputs_return_logits_in_training():
    assert build_model("torchvision/googlenet").train()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_images_that_are_too_small_are_refused_with_the_size_that_would_do():
    with pytest.raises(
        StudyError, match=r"32×32 pixels with 3 channels; the smallest that it takes are 63×63"
    ):
        recipe_model("torchvision/alexnet")
    with pytest.raises(
        StudyError,
        match=r"resnet9 cannot take images of 16×16 .* the smallest that it takes are 32×32",
    ):
        recipe_model("resnet9", (16, 16, 3))


class Talkative(nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3)), images


@pytest.mark.parametrize(("network", "found"), [(Talkative(), "a tuple"), (nn.Flatten(), "2×3072")])
def test_a_network_that_returns_something_else_is_refused(network, found, monkeypatch):
    monkeypatch.setattr(build, "build_model", lambda name, **given: network)
    with pytest.raises(StudyError, match=f"returns {found} for two images, expected logits, 2×10"):
        recipe_model("anything")


def test_an_epoch_that_ends_with_one_image_is_refused_where_a_norm_cannot_take_it():
    image_set = ImageSet(
        torch.zeros(9, 32, 32, 3, dtype=torch.uint8), torch.zeros(9, dtype=torch.int64)
    )
    none = ImageSet(image_set.images[:0], image_set.labels[:0])
    recipe = {
        "architecture": {"name": "torchvision/resnet18"}, "augment": [],
        "batch_size": 4, "epochs": 1,
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3}, "optimizer": {"name": "sgd", "lr": 0.1},
        "schedule": {"name": "constant"},
    }  # fmt: skip
    with pytest.raises(
        StudyError, match=r"the last batch of an epoch has one image, .* change 'batch_size'"
    ):
        new_trainer(recipe, 1, 10, image_set, none)
    new_trainer(recipe | {"architecture": {"name": "resnet18"}}, 1, 10, image_set, none)
    new_trainer(recipe | {"batch_size": 5}, 1, 10, image_set, none)


def test_a_library_model_goes_on_from_a_checkpoint_with_the_same_bits(tmp_path):
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (12, 32, 32, 3), dtype=torch.uint8, generator=random)
    image_set = ImageSet(images, torch.arange(12) % 3)
    recipe = {
        "architecture": {"name": "torchvision/shufflenet_v2_x0_5"},
        "augment": [{"name": "horizontal_flip"}], "batch_size": 4, "epochs": 2,
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "schedule": {"name": "one_cycle"}, "precision": "bf16",
    }  # fmt: skip
    states = []
    whole = new_trainer(recipe, 1, 3, image_set, image_set)
    whole.run(save=lambda state: states.append(copy.deepcopy(state)))
    save_checkpoint(tmp_path / "half.pt", "key", states[0])
    again = new_trainer(recipe, 1, 3, image_set, image_set)
    again.load_state_dict(load_checkpoint(tmp_path / "half.pt", "key", torch.device("cpu")))
    again.run()
    assert [epoch.chain for epoch in again.history] == [epoch.chain for epoch in whole.history]


@pytest.mark.parametrize(
    ("name", "side", "layers"),
    [
        ("torchvision/resnet18", 64, ("layer3", "layer4")),
        ("torchvision/resnet18", 32, ("layer2", "layer3")),  # one place is left after layer4
        ("torchvision/vgg11", 64, ("features.19", "features")),
    ],
)
def test_maps_are_those_of_the_last_stages_with_more_than_one_place(name, side, layers):
    model = recipe_model(name, (side, side, 3))
    assert gradcam_layers(model, (side, side, 3)) == layers
    assert model.training and not any(module._forward_hooks for module in model.modules())


def test_maps_of_a_library_model_can_be_computed():
    model = recipe_model("torchvision/shufflenet_v2_x0_5", (64, 64, 3)).eval()
    layers = gradcam_layers(model, (64, 64, 3))
    maps, sizes = grad_cam(model, torch.randn(2, 3, 64, 64), torch.tensor([[1], [2]]), layers)
    assert maps.shape == (2, 2, 1, 64, 64) and sizes == [(4, 4), (2, 2)] and maps.isfinite().all()


def test_a_transformer_says_why_it_has_no_maps_and_no_receptive_fields():
    model = recipe_model(**TINY_VIT)
    with pytest.raises(NoMaps, match="VisionTransformer goes on from its own with attention"):
        gradcam_layers(model, (32, 32, 3))
    with pytest.raises(NoField, match="Receptive fields are not given: VisionTransformer"):
        receptive_fields(model)


def test_what_belongs_to_no_layer_is_counted_too():
    model = recipe_model(**TINY_VIT)
    *layers, rest, total = describe_layers(model, (32, 32, 3), {})
    places = (1 + 16) * 32 + 32  # of the class token and the patches, and the token itself
    assert (rest.name, rest.parameters) == (
        "rest",
        places,
    ) and rest.multiply_adds > 0  # the products of attention
    assert sum(layer.parameters for layer in (*layers, rest)) == total.parameters
    assert torch.backends.mha.get_fastpath_enabled()


def digest(scripts, name):
    forget_code()
    return code_digest(scripts / "train.py", *architecture_modules({"name": name}))


def test_the_code_of_a_training_is_that_of_its_own_architecture(scripts):
    names = ("cnn2", "cnn3", "torchvision/resnet18")
    before = {name: digest(scripts, name) for name in names}
    assert len(set(before.values())) == 3
    (scripts / "study/models/my_net.py").write_text("from study.models import blocks\n")
    assert {name: digest(scripts, name) for name in names} == before
    mine = digest(scripts, "my_net")
    for changed, file in (({"cnn3"}, "models/cnn3.py"), ({"cnn2", "cnn3"}, "models/blocks.py"),
                          ({"torchvision/resnet18"}, "models/libraries.py"),
                           (set(names), "models/build.py")):  # fmt: skip
        path = scripts / "study" / file
        text = path.read_text()
        path.write_text(text + "\nUNUSED = 1\n")
        assert {name for name in names if digest(scripts, name) != before[name]} == changed
        assert (digest(scripts, "my_net") != mine) == (
            file in ("models/blocks.py", "models/build.py")
        )
        path.write_text(text)


def test_a_file_that_is_not_python_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("class Broken(:\n")
    monkeypatch.setattr(registry, "_MODELS", tmp_path)
    with pytest.raises(StudyError, match=r"broken\.py: not valid Python \(.*line 1\)"):
        check_architecture({"name": "broken"})


def test_two_networks_in_a_file_are_refused(tmp_path, monkeypatch):
    network = (
        "class {}:\n    def __init__(self, *, num_classes, in_channels, image_size, depth=1): ...\n"
    )
    (tmp_path / "two.py").write_text(network.format("One") + network.format("Two"))
    monkeypatch.setattr(registry, "_MODELS", tmp_path)
    with pytest.raises(StudyError, match="found One and Two"):
        check_architecture({"name": "two"})


def test_the_template_passes_its_own_test(scripts):
    files = model_template()
    assert set(files) == {
        "scripts/study/models/my_net.py",
        "config/models/my_net.yaml",
        "tests/unit/test_my_net.py",
    }
    for name, text in files.items():
        path = scripts.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert ast.get_docstring(ast.parse(files["scripts/study/models/my_net.py"]))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", scripts.parent / "tests"],
        env=clean_environment(PYTHONPATH=str(scripts)),
        cwd=scripts.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and "4 passed" in result.stdout, result.stdout
