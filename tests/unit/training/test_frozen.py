"""What a recipe freezes stays as it came, and the head may learn faster."""

import pytest
import torch
from small_trainings import make_image_set, trainer

from study.errors import StudyError
from study.models.build import build_model
from study.models.trained_weights import head_of
from study.training.frozen import blocks, freeze


def trained_parts(learner):
    """Train and return the modules whose weights or statistics have changed."""
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    learner.run()
    after = learner.model.state_dict()
    return {
        name.rpartition(".")[0] for name in before if not torch.equal(before[name], after[name])
    }


@pytest.mark.parametrize(
    ("train", "changed"),
    [("head", {"head"}), ({"last": 1}, {"head", "last"}), ("all", {"head", "last", "first"})],
)
def test_only_the_trained_part_changes_its_norms_too(train, changed):
    learner = trainer(make_image_set(), architecture="fastnet", train=train, epochs=1)
    network = learner.model
    head = head_of(network, (32, 32, 3))
    parts = trained_parts(learner)
    layers = [block for block in blocks(network) if network.get_submodule(head) not in block]
    names = {module: name for name, module in network.named_modules()}
    inside = {
        part: {names[m] for module in block for m in module.modules()}
        for part, block in (("first", layers[0]), ("last", layers[-1]))
    }
    seen = {part for part, modules in inside.items() if modules & parts}
    assert seen | ({"head"} if head in parts else set()) == changed


def test_more_blocks_than_there_are_is_refused():
    model = build_model("cnn3")
    with pytest.raises(StudyError, match=r"last is 99, and CNN3 has \d+ blocks"):
        freeze(model, {"last": 99}, head_of(model, (32, 32, 3)))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon"])
def test_the_head_learns_faster_by_its_factor_through_the_whole_schedule(optimizer):
    learner = trainer(
        make_image_set(),
        optimizer={"name": optimizer, "lr": 0.01},
        schedule={"name": "cosine"},
        head_lr=10,
        epochs=1,
    )
    peak = {}
    for group in learner.step.optimizer.param_groups:
        peak[len(peak)] = group["lr"]
    fast = [g for g in learner.step.optimizer.param_groups if g["head_lr"] == 10]
    head = learner.model.get_submodule(head_of(learner.model, (32, 32, 3)))
    assert {id(p) for g in fast for p in g["params"]} == {id(p) for p in head.parameters()}
    if optimizer != "muon":
        assert [g["lr"] for g in fast] == [pytest.approx(0.1)]
    learner.run()
    for number, group in enumerate(learner.step.optimizer.param_groups):
        assert group["lr"] < 0.2 * peak[number]
