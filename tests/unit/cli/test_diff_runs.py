"""`study diff` of two runs: settings, numbers and images."""

from pathlib import Path

import pandas as pd
import pytest
from cli_study import printed, write_project, write_run

from study.files import read_json, write_json


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return write_project(tmp_path_factory.mktemp("cli") / "project")


def test_two_runs_differ_by_settings_numbers_and_images(project):
    text = printed("diff", "v1/cnn2/1", "v1/cnn3/2", "--csv", "changed.csv", folder=project)
    words = " ".join(text.split())
    assert "optimizer.lr 0.1 0.2" in words
    # The sd over seeds of each group is 0.0707; t(2) of 97.5 % times sqrt(2) times that is 0.430.
    assert "test_accuracy 0.3000 0.7000 +0.4000 ± 0.4303" in words and "exceeds" not in words
    assert "Right to wrong 0, wrong to right 8: McNemar's exact p 0.0078" in words
    changed = pd.read_csv(project / "changed.csv")
    assert list(changed["image_id"]) == list(range(26, 34)) and set(changed["change"]) == {
        "wrong to right"
    }
    assert list(changed["true"][:2]) == ["cat", "dog"] and list(changed["b"][:2]) == ["cat", "dog"]


def test_a_difference_beyond_the_noise_of_seeds_is_marked(project, tmp_path):
    for seed, right in ((1, 4), (2, 4), (3, 19)):
        write_run(tmp_path, "v1", "x" if seed < 3 else "y", seed, right)
    (tmp_path / "runs.csv").write_text("combo,model,seed\nv1,x,1\nv1,x,2\nv1,y,3\n")
    one, other = (tmp_path / "runs" / "v1" / name for name in ("x/seed1", "y/seed3"))
    assert "exceeds" not in printed(
        "diff", one, other, folder=project
    )  # a noise of zero is none that is known
    write_run(tmp_path, "v1", "x", 4, 5)
    with (tmp_path / "runs.csv").open("a") as stream:
        stream.write("v1,x,4\n")
    assert "exceeds seed noise" in printed("diff", one, other, folder=project)
    alone = printed(
        "diff", tmp_path / "runs/v1/y/seed3", tmp_path / "runs/v1/y/seed3", folder=project
    )
    assert "Nothing is known of the noise of seeds" in alone


def test_a_run_whose_answers_are_no_numbers_has_diverged(project, tmp_path):
    for seed in (1, 2):
        write_run(tmp_path, "v1", "x", seed, 4)
    metrics = tmp_path / "runs/v1/x/seed2/metrics.json"
    write_json(metrics, read_json(metrics) | {"status": "diverged"})
    text = printed("diff", metrics.parent.with_name("seed1"), metrics.parent, folder=project)
    words = " ".join(text.split())
    assert "seed1 ok, trained" in words and "seed2 diverged, trained" in words


def test_runs_are_named_by_short_paths_beside_them(project):
    beside = project / "results/runs/v1/cnn2"
    short = printed("diff", "seed1", "../cnn3/seed2", folder=beside)
    assert "Right to wrong 0, wrong to right 8" in " ".join(short.split())
