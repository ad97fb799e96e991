"""Learning rates: the published ones at the start of each epoch."""

import pytest
import torch
from conftest import ROOT

from study.files import read_yaml
from study.training.schedules import SCHEDULES, make_schedule, schedule_values


def rates(spec, epochs, steps_per_epoch, lr=1.0, optimizer="sgd"):
    """Return the learning rate and the momentum (Adam's beta1) at each step."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = (
        torch.optim.Adam([parameter], lr=lr)
        if optimizer == "adam"
        else torch.optim.SGD([parameter], lr=lr, momentum=0.9)
    )
    schedule = make_schedule(optimizer, steps_per_epoch=steps_per_epoch, epochs=epochs, **spec)
    return schedule_values(optimizer, schedule, epochs * steps_per_epoch).tolist()


def recipe(name):
    return read_yaml(ROOT / f"config/models/{name}.yaml")


def test_the_one_cycle_recipe_has_its_author_s_rate_at_each_epoch():
    published = [
        5.21e-6, 5.87e-5, 1.97e-4, 3.63e-4, 4.87e-4, 5.21e-4, 5.16e-4, 5.04e-4,
        4.86e-4, 4.62e-4, 4.32e-4, 3.98e-4, 3.60e-4, 3.19e-4, 2.77e-4, 2.35e-4,
        1.93e-4, 1.53e-4, 1.16e-4, 8.22e-5, 5.36e-5, 3.06e-5, 1.37e-5, 3.46e-6,
    ]  # fmt: skip
    spec = recipe("resnet9")
    seen = rates(spec["schedule"], 24, 98, spec["optimizer"]["lr"], "adam")
    assert [lr for lr, _ in seen[::98]] == pytest.approx(published, rel=0.005)
    assert max(lr for lr, _ in seen) == pytest.approx(5.21e-4, rel=1e-4) and seen[-1][
        0
    ] == pytest.approx(5.21e-8)
    assert max(range(len(seen)), key=lambda step: seen[step][0]) == pytest.approx(469.4, abs=1)
    betas = [beta for _, beta in seen]
    assert (betas[0], min(betas), betas[-1]) == pytest.approx((0.95, 0.85, 0.95), abs=1e-4)


def test_the_step_recipe_has_its_authors_plateaus():
    published = [
        0.2, 0.15, 0.1125, 0.08438, 0.06328, 0.04746, 0.0356, 0.0267,
        0.02002, 0.01502, 0.01126, 0.00845, 0.00634, 0.00475, 0.00356, 0.00267,
    ]  # fmt: skip
    spec = recipe("dilated_separable")
    seen = [lr for lr, _ in rates(spec["schedule"], 80, 3, spec["optimizer"]["lr"])]
    assert seen[::15] == pytest.approx(published, rel=0.002)
    assert len(set(seen)) == 16


def test_the_two_plateaus_of_the_residual_recipe():
    spec = recipe("resnet18")
    seen = [lr for lr, _ in rates(spec["schedule"], 20, 2, spec["optimizer"]["lr"])]
    assert seen == pytest.approx([0.01] * 20 + [0.001] * 20)


def test_cosine_and_triangle_rise_and_fall_where_they_should():
    cosine = [lr for lr, _ in rates({"name": "cosine", "warmup": 1, "final": 0.1}, 5, 10)]
    assert (
        cosine[10] == 1
        and cosine[:10] == sorted(cosine[:10])
        and cosine[10:] == sorted(cosine[10:], reverse=True)
    )
    assert cosine[30] == pytest.approx(0.55) and cosine[-1] > 0.1
    triangle = [lr for lr, _ in rates({"name": "triangular", "peak_at": 0.2, "start": 0.5}, 10, 10)]
    assert (
        triangle[0] == 0.5
        and triangle[20] == 1
        and triangle[60] == pytest.approx(0.5)
        and triangle[-1] > 0
    )
    assert [lr for lr, _ in rates({"name": "constant"}, 2, 3)] == [1] * 6


def test_the_schema_knows_the_schedules():
    schedule = read_yaml(ROOT / "workflow/schemas/recipe.schema.yaml")["properties"]["schedule"]
    assert schedule["properties"]["name"]["enum"] == list(SCHEDULES)
