"""Weights are asked once more by networks of the project alone, whoever made them."""

import numpy as np
import pytest
from verified_study import RECIPE, write_study

from study.errors import StudyError
from study.models import answers_again as module
from study.models.answers_again import answers_again


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    study = write_study(tmp_path_factory.mktemp("study") / "results")
    return study, study.expected.runs(study.tree.folder)[0]


def test_the_weights_give_the_stored_logits_and_none_where_there_is_no_such_network(run):
    study, one = run
    weights, images = one.folder / "model.safetensors", study.images[5:75]
    logits = answers_again(weights, one.record, images)
    assert np.abs(logits - one.predictions().logits[5:75]).max() < 1e-5
    for name in ("my_net", "nowhere/resnet18", "../cnn2"):
        recipe = {**RECIPE, "architecture": {"name": name}}
        assert answers_again(weights, one.record | {"recipe": recipe}, images) is None


def test_weights_of_another_network_and_one_too_large_are_refused(run, monkeypatch):
    study, one = run
    weights, images = one.folder / "model.safetensors", study.images[:2]
    for filters, complaint in ((5, "no weights of the cnn2"), (200_000, "be computed here")):
        recipe = {**RECIPE, "architecture": {"name": "cnn2", "filters": filters}}
        with pytest.raises(StudyError, match=complaint):
            answers_again(weights, one.record | {"recipe": recipe}, images)
    monkeypatch.setattr(module, "count_parameters", lambda model: 7)
    with pytest.raises(StudyError, match="has 7 parameters"):
        answers_again(weights, one.record, images)
