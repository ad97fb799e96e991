"""Architectures: layers, parameters and receptive fields are the published ones."""

import argparse
import warnings

import pytest
import torch
from torch import nn

import describe_model
from study.config.architectures import architectures
from study.models.blocks import Dropout
from study.models.build import build_model, build_recipe_model, count_parameters
from study.models.layers import describe_layers
from study.models.receptive_field import receptive_fields


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("cnn2", {"filters": 16}, 13_018),
        ("cnn2", {"filters": 32}, 30_634),
        ("cnn2", {}, 79_690),
        ("cnn3", {}, 620_362),
        ("resnet18", {}, 11_173_962),
        ("dilated_separable", {}, 199_810),
        ("resnet9", {}, 6_573_130),
        ("resnet9", {"filters": 32}, 1_646_122),
        ("fastnet", {}, 1_971_352),
    ],
)
def test_parameter_counts_are_the_published_ones(name, options, parameters):
    assert count_parameters(build_model(name, **options)) == parameters


@pytest.mark.parametrize("name", architectures())
def test_other_image_sizes_class_counts_and_channels_work(name):
    model = build_model(name, num_classes=7, in_channels=1, image_size=48)
    assert model(torch.zeros(2, 1, 48, 48)).shape == (2, 7)


def test_pooling_before_rectifying_changes_nothing():
    model = build_model("cnn2")
    images = torch.randn(4, 3, 32, 32)
    conv1, _, _, conv2, _, _ = model.features
    usual = images
    for conv in (conv1, conv2):
        usual = torch.nn.functional.max_pool2d(torch.relu(conv(usual)), 2)
    assert torch.equal(model(images), model.classifier(usual.flatten(1)))


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [
        ("cnn2", "features.5", 10),
        ("cnn3", "features.8", 22),
        ("resnet18", "layer4.1.relu", 109),
        ("dilated_separable", "features.54", 95),
        ("resnet9", "pool", 88),
        ("fastnet", "groups.3.6", 51),
    ],
)
def test_receptive_fields_are_the_published_ones(name, layer, side):
    assert receptive_fields(build_model(name))[layer].size == side


def test_receptive_fields_of_scaled_images_are_those_of_images_that_have_this_size():
    recipe = {"architecture": {"name": "cnn3"}, "input_size": 64}
    scaled = build_recipe_model(recipe, num_classes=10, image_shape=(32, 32, 3))
    assert receptive_fields(scaled) == receptive_fields(build_model("cnn3", image_size=64))
    assert scaled(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_receptive_field_of_simple_layers_is_the_textbook_one():
    def field(*layers):
        return list(receptive_fields(nn.Sequential(*layers)).values())[-1]

    assert field(nn.Conv2d(1, 1, 3, padding=1)) == (3, 1)
    assert field(nn.Conv2d(1, 1, 3, dilation=2), nn.MaxPool2d(2)) == (6, 2)
    assert field(nn.Conv2d(1, 1, 3, 2), nn.ReLU(), nn.BatchNorm2d(1), nn.Conv2d(1, 1, 3)) == (7, 2)


def test_layers_are_described_by_the_formulas():
    first, pooled, *_, classifier, total = describe_layers(build_model("cnn2"), (32, 32, 3))
    assert (first.name, first.kind, first.shape, first.parameters) == (
        "features.0",
        "Conv2d",
        "64×32×32",
        1_792,
    )
    assert first.multiply_adds == 32 * 32 * 64 * 27 and (first.receptive_field, first.jump) == (
        3,
        1,
    )
    assert (pooled.kind, pooled.shape, pooled.multiply_adds) == ("MaxPool2d", "64×16×16", 0)
    assert (classifier.shape, classifier.multiply_adds, classifier.receptive_field) == (
        "10",
        40_960,
        None,
    )
    assert total.parameters == 79_690
    assert total.multiply_adds == 32 * 32 * 64 * 27 + 16 * 16 * 64 * 64 * 9 + 40_960


@pytest.mark.parametrize("name", architectures())
def test_the_layers_of_every_architecture_add_up(name):
    model = build_model(name)
    *layers, total = describe_layers(model, (32, 32, 3))
    assert sum(layer.parameters for layer in layers) == total.parameters
    assert sum(layer.multiply_adds for layer in layers) == total.multiply_adds
    assert all(not layer._forward_hooks for layer in model.modules())


def test_the_dilated_network_is_the_published_table():
    """Channels, stride, dilation, groups, parameters, side of the maps, receptive field."""
    table = [
        (3, 16, 1, 1, 1, 432, 30, 3),
        (16, 32, 1, 1, 1, 4608, 30, 5),
        (32, 48, 1, 2, 1, 13824, 26, 9),
        (48, 32, 2, 1, 1, 13824, 13, 11),
        (32, 64, 1, 1, 1, 18432, 13, 15),
        (64, 96, 1, 1, 1, 55296, 13, 19),
        (96, 64, 1, 1, 1, 6144, 13, 19),
        (64, 32, 2, 1, 1, 18432, 7, 23),
        (32, 64, 1, 1, 32, 576, 7, 31),
        (64, 128, 1, 1, 64, 1152, 7, 39),
        (128, 64, 1, 1, 1, 8192, 7, 39),
        (64, 64, 2, 1, 1, 36864, 4, 47),
        (64, 128, 1, 1, 64, 1152, 4, 63),
        (128, 256, 1, 1, 128, 2304, 4, 79),
        (256, 256, 1, 1, 256, 2304, 4, 95),
        (256, 52, 1, 1, 1, 13312, 4, 95),
    ]
    model = build_model("dilated_separable")
    fields = receptive_fields(model)
    maps = torch.zeros(1, 3, 32, 32)
    rows = []
    for position, layer in enumerate(model.features):
        maps = layer(maps)
        if isinstance(layer, nn.Conv2d):
            channels = (layer.in_channels, layer.out_channels)
            kind = (layer.stride[0], layer.dilation[0], layer.groups, count_parameters(layer))
            field = fields[f"features.{position}"].size
            rows.append((*channels, *kind, maps.shape[2], field))
    assert rows == table


def test_the_residual_networks_have_the_published_layers():
    def convolutions(model):
        return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]

    resnet18 = convolutions(build_model("resnet18"))
    assert len(resnet18) == 20 and sum(conv.kernel_size == (1, 1) for conv in resnet18) == 3
    assert all(conv.bias is None for conv in resnet18)
    resnet9 = build_model("resnet9")
    assert [count_parameters(conv) for conv in convolutions(resnet9)] == [
        1_728, 73_728, 147_456, 147_456, 294_912, 1_179_648, 2_359_296, 2_359_296,
    ]  # fmt: skip
    sides = []
    for layer in (resnet9.prep, resnet9.layer1, resnet9.layer2, resnet9.layer3, resnet9.pool):
        layer.register_forward_hook(lambda module, given, maps: sides.append(maps.shape[2]))
    resnet9(torch.zeros(2, 3, 32, 32))
    assert sides == [32, 16, 8, 4, 1]


@pytest.mark.parametrize("p", [0.05, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_its_share_and_keeps_the_mean(p, dtype):
    dropout = Dropout(p)
    x = (
        torch.ones(37, 5, 31, 29, dtype=dtype)
        .to(memory_format=torch.channels_last)
        .requires_grad_()
    )
    torch.manual_seed(1)
    out = dropout(x)
    assert out.dtype == dtype and out.is_contiguous(memory_format=torch.channels_last)
    assert out.unique().float().tolist() == pytest.approx(
        [0, 1 / (1 - p)], rel=1e-2 if dtype == torch.bfloat16 else 1e-4
    )
    dropped = (out == 0).float()
    spread = (p * (1 - p) / x.numel()) ** 0.5
    assert abs(dropped.mean() - p) < 4 * spread
    # Elements are dropped independently, those that share a random number too.
    flat = dropped.permute(0, 2, 3, 1).flatten()
    for distance in (1, 2, 3, 4, 5):
        assert abs((flat[distance:] * flat[:-distance]).mean() - p * p) < 5 * p / x.numel() ** 0.5
    out.float().sum().backward()
    assert torch.equal(x.grad, out)  # of ones: the gradient is the factor


def test_dropout_repeats_with_the_seed_takes_any_layout_and_is_off_in_evaluation():
    x = torch.rand(6, 4, 9, 7)
    dropout = Dropout(0.3)
    for images in (x, x.to(memory_format=torch.channels_last), x[:, :, 1:-1, ::2], x[0, 0, 0, :3]):
        torch.manual_seed(2)
        first = dropout(images)
        torch.manual_seed(2)
        assert first.shape == images.shape and torch.equal(first, dropout(images))
        kept = first != 0
        torch.testing.assert_close(first[kept], images[kept] / 0.7, rtol=1e-4, atol=0)
    assert torch.equal(dropout.eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x) and not Dropout(1.0)(x).any()


def test_layers_are_written_by_no_call_that_a_library_will_change(tmp_path):
    files = {name: tmp_path / name for name in ("page", "table")}
    recipe = {"architecture": {"name": "cnn2", "filters": 4}, "input_size": 16}
    model = build_recipe_model(recipe, num_classes=10, image_shape=(8, 8, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        describe_model.write_layers(
            argparse.Namespace(title="cnn2", **files), model, recipe, (8, 8, 3)
        )
    assert "pixels are those of the image scaled to 16×16" in files["page"].read_text("utf-8")
    assert ",3,1\n" in files["table"].read_text("utf-8")
