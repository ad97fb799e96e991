"""The comparison with people's judgements, as a user asks for it."""

import numpy as np
import pytest
from conftest import assert_one_clear_line

pytestmark = pytest.mark.workflow

DRY = ("--dry-run", "--quiet", "rules")


def test_the_comparison_with_people_needs_their_votes_and_is_then_part_of_the_study(project):
    assert "validate_hardness " not in project.succeeds(*DRY)
    refused = project.snakemake("validate_hardness", "--dry-run")
    assert refused.returncode != 0
    assert_one_clear_line(
        refused.stdout + refused.stderr, "human_votes is empty", "human_votes: [{kind:"
    )
    path = project.folder / "my votes.npy"
    project.configure(project.study | {"human_votes": [{"kind": "cifar10h", "path": str(path)}]})
    refused = project.snakemake("validate_hardness", "--dry-run")
    assert refused.returncode != 0
    assert_one_clear_line(
        refused.stdout + refused.stderr, "human_votes[0].path", "my votes.npy", "no file"
    )
    np.save(path, np.zeros(1))
    assert "validate_hardness " in project.succeeds(*DRY)
    hard_examples = project.succeeds("results/hard_examples.csv", "--dry-run", "--printshellcmds")
    assert hard_examples.count(f"--kinds cifar10h --votes '{path}'") == 1
    plan = project.succeeds("validate_hardness", "--dry-run", "--printshellcmds")
    assert plan.count(f"--kinds cifar10h --votes '{path}'") == 2 and "rule summarize:" not in plan
