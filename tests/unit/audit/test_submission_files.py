"""Nothing of what was handed in is opened before it is known to be harmless."""

import json
import os
import zipfile

import numpy as np
import pytest

from study.audit.grading import read_submission
from study.audit.submission_files import check_files, check_runs
from study.errors import StudyError

MANIFEST = {"images": [100, 8, 8, 3], "classes": ["a", "b"], "sha256": {}}


@pytest.fixture
def handed_in(tmp_path):
    (tmp_path / "study/results/runs").mkdir(parents=True)
    (tmp_path / "study/results/runs.csv").write_text("combo,model,seed\nv1,cnn2,1\n")
    np.savez(tmp_path / "study/results/runs/predictions.npz", logits=np.zeros((100, 2)))
    (tmp_path / "secret.csv").write_text("the teacher's own")
    return tmp_path / "study"


def holes(path, n_bytes):
    with path.open("wb") as stream:
        stream.truncate(n_bytes)


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logits.npy", bytes(80 << 20))


CHANGES = {
    "named pipe": lambda results: os.mkfifo(results / "study.json"),
    "device": lambda results: (results / "study.json").symlink_to("/dev/zero"),
    "leads out": lambda results: (results / "study.json").symlink_to(results / "../../secret.csv"),
    "out of what": lambda results: (results / "logs").symlink_to(results / "../.."),
    "leads nowhere": lambda results: (results / "a.csv").symlink_to("b.csv"),
    "nowhere": lambda results: (results / "a.csv").symlink_to("a.csv"),
    "more than a study": lambda results: holes(results / "study.json", 1 << 40),
    "claims": lambda results: holes(results / "runs/model.safetensors", 1 << 43),
    "more than a study of these": lambda results: zip_bomb(results / "runs/predictions.npz"),
}


@pytest.mark.parametrize("complaint", CHANGES)
def test_a_file_that_would_do_harm_is_not_opened(complaint, handed_in, tmp_path):
    check_files(handed_in, handed_in / "results", MANIFEST)
    CHANGES[complaint](handed_in / "results")
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    found = read_submission(handed_in, tmp_path, {}, {})
    (problem,) = found.checks
    assert found.name == "study" and problem.problem
    if complaint != "device":
        assert complaint in problem.problem


def test_results_that_are_a_link_to_the_teachers_own_are_refused(handed_in, tmp_path):
    (tmp_path / "lazy").mkdir()
    (tmp_path / "lazy/results").symlink_to(handed_in / "results")
    with pytest.raises(StudyError, match="leads out of what was handed in"):
        check_files(tmp_path / "lazy", tmp_path / "lazy/results", MANIFEST)


def test_a_link_within_what_was_handed_in_is_no_harm(handed_in):
    (handed_in / "results/again.csv").symlink_to("runs.csv")
    check_files(handed_in, handed_in / "results", MANIFEST)


@pytest.mark.parametrize(
    "run",
    [
        ("..", "..", 1),
        ("/etc", "x", 1),
        ("a/b", "c", 1),
        ("v1", "../../..", 1),
        ("v1", "a", "1/.."),
    ],
)
def test_a_run_lies_in_the_results(run, handed_in):
    keys = ("combo", "model", "seed")
    good = dict(zip(keys, ("v1", "cnn2", 1), strict=True))
    check_runs(handed_in / "results", {"runs": [good]})
    with pytest.raises(StudyError, match="outside the study's results"):
        check_runs(handed_in / "results", {"runs": [dict(zip(keys, run, strict=True))]})
    (handed_in / "results/runs.csv").write_text("combo,model,seed\n../..,cnn2,1\n")
    with pytest.raises(StudyError, match="outside the study's results"):
        check_runs(handed_in / "results", {"runs": []})


def test_imported_models_are_known_by_their_names(handed_in):
    clip = {"name": "clip", "predictions": "preds/clip.csv"}
    record = {"runs": [], "config": {"models": ["cnn2", clip]}}
    check_runs(handed_in / "results", record)
    clip["name"] = "../../.."
    with pytest.raises(StudyError, match="outside the study's results"):
        check_runs(handed_in / "results", record)


@pytest.mark.parametrize(
    ("runs", "models", "rows"),
    [([None] * 10_001, [], 0), ([], ["cnn2"] * 1001, 0), ([], [], 1_000_000)],
)
def test_more_runs_than_any_study_has_are_not_gone_through(runs, models, rows, handed_in):
    (handed_in / "results/runs.csv").write_text("a,b,1\n" * rows)
    with pytest.raises(StudyError, match="lists over 10,000 runs or 1,000 models"):
        check_runs(handed_in / "results", {"runs": runs, "config": {"models": models}})
