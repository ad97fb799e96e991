"""What a study's size costs: what is planned for what is asked for."""

import re

import pytest

pytestmark = pytest.mark.workflow


def test_images_hard_to_learn_wait_for_the_runs_on_their_chain_of_combos_only(project):
    project.configure(project.study | {"combos": ["v1", "v2", "v1+v2", "v1+v2+v3"]})
    output = project.succeeds("--dry-run", "results/hard_to_learn/v2.csv")
    trained = re.findall(r"results/runs/(\S+)/cnn2/seed42/model.safetensors", output)
    assert set(trained) == {"v2", "v1+v2", "v1+v2+v3"}


def test_a_tenth_of_a_large_study_can_be_planned_at_a_time(project):
    """As README.md says of studies that are too large to be planned at once."""
    project.configure(project.study | {"seeds": list(range(20))})
    planned = project.planned(
        "results/comparisons/groups.csv", "--batch", "compare=1/10", "--quiet", "rules"
    )
    # Of 40: those of the batch, and what its last files share with the next one.
    assert 4 <= planned["train"] <= 8 and "compare" not in planned
