"""`study new --weights`: what is proposed for photographs and a network that was trained before."""

import re
import sys

import pytest
import torch
from conftest import ROOT, assert_one_clear_line
from PIL import Image
from safetensors.torch import save_file

from study.cli import fitting, trained_start
from study.cli.main import main
from study.files import read_yaml
from study.models.build import build_model

REAL = ROOT.parent / "shared/data/tf_efficientnet_lite0_imagenet.safetensors"


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Return a function that makes 60 photographs of two classes; 100 images are trained a second.

    They are trained at 96 pixels on two cores without a GPU.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fitting, "wants_gpu", lambda device: False)
    monkeypatch.setattr(fitting, "machine", lambda: {"cpus": 2})
    monkeypatch.setattr(fitting, "measured", lambda asked, _: {"finetuned": (100.0, 1)})

    def make(side: int) -> None:
        for kind in ("cat", "dog"):
            (tmp_path / "photos" / kind).mkdir(parents=True)
            for i in range(30):
                picture = Image.new("RGB", (side, side), (i, len(kind), 0))
                picture.save(tmp_path / "photos" / kind / f"{i}.png")

    return make


def new(*words: str) -> dict:
    main(["new", "study", "--images", "photos", "--weights", *words])
    return read_yaml("study/config/config.yaml")


def resnet10t(path="resnet10t.safetensors", **changes):
    save_file(build_model("timm/resnet10t", num_classes=9).state_dict() | changes, path)


@pytest.mark.parametrize(
    ("side", "speed", "size", "input_size"),
    [
        (500, 1000.0, 224, 224),
        (170, 1000.0, 160, 160),
        (500, 0.05, 96, 96),  # too slow for any: the smallest
        (50, 1000.0, 48, 96),
    ],
)
def test_size_and_network_suit_images_and_time(
    photographs, monkeypatch, capsys, side, speed, size, input_size
):
    monkeypatch.setattr(fitting, "measured", lambda asked, _: {"finetuned": (speed, 1)})
    photographs(side)
    resnet10t()
    study = new("resnet10t.safetensors")
    told = capsys.readouterr()
    assert "resnet10t.safetensors is of timm/resnet10t" in told.err
    assert study["models"] == ["finetuned", "probe", "neighbours"]
    assert study["dataset"]["image_size"] == size
    recipe = study["overrides"]["finetuned"]
    # As seen from the study's folder.
    assert recipe["architecture"]["weights"] == "../resnet10t.safetensors"
    assert recipe["normalize"] == "weights" and recipe["input_size"] == input_size
    assert [step["name"] for step in recipe["augment"]] == [
        "random_resized_crop", "horizontal_flip",
    ]  # fmt: skip
    minutes = re.search(rf"takes about (.+) with 2 cores and images of {size}×{size}", told.out)
    assert ("hours" in minutes[1]) == (speed < 1) == ("[probe, neighbours] alone" in told.out)


def test_a_network_is_known_by_its_tensors_or_named(photographs, capsys):
    photographs(100)
    resnet10t("mine.safetensors")
    with pytest.raises(SystemExit):
        new("mine.safetensors")
    assert_one_clear_line(capsys.readouterr().err, "of none of the networks that were tried")
    study = new("mine.safetensors", "--network", "timm/resnet10t")
    assert study["overrides"]["finetuned"]["architecture"]["name"] == "timm/resnet10t"


@pytest.mark.skipif(not REAL.is_file(), reason=f"needs the real weights, {REAL.name}")
def test_real_weights_are_known_by_their_tensors_alone(photographs, tmp_path):
    photographs(100)
    (tmp_path / "mine.safetensors").symlink_to(REAL)
    start = trained_start.trained_start("mine.safetensors", "", (96,), 2)
    assert start.network == "timm/tf_efficientnet_lite0" and start.sides == (96,)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["none.safetensors"], "there is no file none.safetensors"),
        (["pickle.pth"], "holds more than tensors and could run code"),
        (["cut.safetensors"], "cut.safetensors: damaged, or no file of weights"),
        (
            ["resnet10t.safetensors", "--network", "timm/resnet18"],
            "weights of another network than the recipe's: conv1.weight (missing)",
        ),
        (["resnet10t.safetensors", "--network", "timm/resnet10"], "has no image classifier"),
        (["resnet10t.safetensors", "--network", "cnn2"], "weights of another network"),
    ],
)
def test_what_cannot_be_started_from_is_one_line_and_leaves_nothing(
    photographs, tmp_path, capsys, words, line
):
    photographs(100)
    resnet10t()
    torch.save({"weights": Image.new}, "pickle.pth")
    whole = (tmp_path / "resnet10t.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SystemExit):
        new(*words)
    assert_one_clear_line(capsys.readouterr().err, line)
    assert not (tmp_path / "study").exists()


def test_without_timm_one_line_says_what_to_install(photographs, tmp_path, monkeypatch, capsys):
    photographs(100)
    (tmp_path / "w.safetensors").touch()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SystemExit):
        new("w.safetensors")
    assert_one_clear_line(capsys.readouterr().err, "pip install 'timm>=1.0.12'")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--weights", "w.pth"], "--weights was given without --images"),
        (["--images", "photos", "--network", "timm/resnet18"], "--network was given without --w"),
    ],
)
def test_options_that_need_another_say_so(tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["new", "study", *words])
    assert_one_clear_line(capsys.readouterr().err, line)


def test_photographs_get_96_pixels_from_scratch_where_the_time_allows(photographs):
    photographs(300)
    main(["new", "study.yaml", "--images", "photos"])
    assert read_yaml("study.yaml")["dataset"]["image_size"] == 96
