"""A user's network and models of two libraries, from a recipe to the report's files."""

import json
import re

import pytest
import yaml
from conftest import Project, model_template

pytestmark = pytest.mark.workflow

RECIPE = yaml.safe_load(model_template()["config/models/my_net.yaml"])
MODELS = {
    "shufflenet": {"name": "torchvision/shufflenet_v2_x0_5"},
    "vit": {
        "name": "timm/vit_tiny_patch16_224",
        "patch_size": 8,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
    },
}


def test_models_of_ones_own_and_of_libraries_go_through_the_whole_of_a_run(tmp_path, archive):
    project = Project(tmp_path / "project", archive, combos=["v1"], seeds=[42])
    for name, architecture in MODELS.items():
        recipe = RECIPE | {"architecture": architecture, "precision": "bf16"}
        (project.folder / f"config/models/{name}.yaml").write_text(yaml.safe_dump(recipe))
    project.configure(project.study | {"models": list(MODELS), "overrides": {}})
    runs = project.folder / "results/runs/v1"

    def targets(model):
        folder = f"results/runs/v1/{model}/seed42"
        return [
            f"{folder}/metrics.json",
            f"{folder}/gradcam.svg",
            f"results/models/{model}/layers.csv",
        ]

    project.succeeds(*targets("shufflenet"), *targets("vit"), "--cores", "2")
    for model in MODELS:
        metrics = json.loads((runs / model / "seed42/metrics.json").read_text())
        assert metrics["status"] != "diverged"
    layers = project.folder / "results/models"
    assert (
        "Receptive fields are not given: VisionTransformer"
        in (layers / "vit/layers.html").read_text()
    )
    svg = (runs / "vit/seed42/gradcam.svg").read_text()
    assert "goes on from its own with attention" in " ".join(re.findall(r"([^<>]+)</text>", svg))
    assert "Grad-CAM of the" in (runs / "shufflenet/seed42/gradcam.svg").read_text()

    # The template is added: its run is all that there is to do.
    for name, text in model_template().items():
        (project.folder / name).write_text(text)
    project.configure(project.study | {"models": [*MODELS, "my_net"]})
    wanted = [file for model in ("shufflenet", "vit", "my_net") for file in targets(model)]
    rules = ["describe_model", "draw_run", "measure", "predict", "resolve_recipe", "train"]
    assert project.planned(*wanted) == dict.fromkeys(rules, 1)
