"""The verifier finds what is wrong with files."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from verified_study import (
    CONFIG,
    RECIPE,
    change_json,
    finish,
    write_answers,
    write_run,
    write_study,
)

from study.audit.checks import (
    accuracy_without_near_duplicates,
    answers_differ,
    first_difference,
    problems,
    roles_hold,
    same_answers,
)
from study.audit.coverage import not_covered
from study.audit.shared_checks import other_configuration
from study.audit.verification import Verification
from study.files import file_digest, read_csv, read_json, write_csv
from study.models.answers_again import answers_again
from study.runs.predictions import Predictions, roles_in_run
from study.runs.tree import ResultsTree


def test_near_duplicates_of_training_images_are_counted_and_left_out():
    roles = roles_in_run(
        5, {"train": np.array([0]), "val": np.array([1]), "test": np.array([2, 3, 4])}
    )
    logits = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]]
    run = Predictions(logits, roles)
    judged = run.may_judge(np.array([[0, 2]]))
    n, accuracy = accuracy_without_near_duplicates(
        run, np.array([0, 0, 0, 0, 1]), np.array([2, 3, 4]), judged
    )
    assert (n, accuracy) == (1, 0.5)  # 3 is wrong, 4 right


GOOD = {"train": np.array([0]), "val": np.array([1]), "test": np.array([2])}


def test_roles_other_than_the_splits_are_found():
    run = Predictions(np.zeros((4, 2), np.float32), roles_in_run(4, GOOD))
    assert roles_hold(run, [GOOD]) == ""
    assert "image 1 and 1 more" in roles_hold(
        run, [GOOD | {"val": np.array([2]), "test": np.array([1])}]
    )


def test_recorded_numbers_are_held_against_those_computed_again():
    again = {
        "status": "ok",
        "n": 3,
        "accuracy": 1 / 3,
        "temperature": None,
        "common_test": {"nll": 2.0},
    }
    row = {
        "status": "ok",
        "n": 3,
        "accuracy": 0.333333,
        "temperature": float("nan"),
        "common_test": {"nll": 2.0, "sha256": "not computed"},
        "device": "cpu",
    }
    assert first_difference(row, again) == ""
    wrong = first_difference(row | {"accuracy": 0.34}, again)
    assert wrong.startswith("accuracy is 0.34, computed again 0.3333")
    assert "status is diverged" in first_difference(row | {"status": "diverged"}, again)
    assert "temperature" in first_difference(row | {"temperature": 1.0}, again)
    wrong = first_difference(row | {"common_test": {"nll": 2.1}}, again)
    assert wrong == "common_test nll is 2.1, computed again 2.0"
    assert first_difference({"status": "ok"}, again) == "it has no n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("sound") / "results")


@pytest.fixture
def study(sound, tmp_path):
    """A copy of a sound study, to be tampered with."""
    shutil.copytree(sound.tree.folder, tmp_path / "results")
    copy = vars(sound) | {"tree": type(sound.tree)(tmp_path / "results")}
    return type(sound)(**copy)


def found_by(study, config=None):
    verification = Verification(study.tree.folder, config, answer=answers_again)
    return [f"{check.subject} {check.problem}" for check in problems(verification.checks())]


def test_a_sound_study_passes_and_all_its_predictions_are_made_again(study):
    verification = Verification(study.tree.folder, answer=answers_again)
    assert problems(verification.checks()) == []
    names = [run.name for run in study.expected.runs(study.tree.folder)]
    assert verification.predicted == dict.fromkeys(names, "")
    assert [row["combo"] for row in verification.scores] == ["p", "p", "p+q", "p+q"]
    (study.tree / "logs").mkdir()
    (study.tree / "logs/train.log").touch()
    (study.tree / "notes.txt").touch()
    recorded = [f"results/{path}" for path in ("runs.csv", "../secret", "summary.csv")]
    left_out = not_covered(study.tree.folder, recorded)
    assert left_out["logs/"] == 1 and left_out["./"] == 5  # notes, summary_by_group and three more


def runs_of(study):
    return study.expected.runs(study.tree.folder)


def a_run_is_listed_twice(study):
    path = study.tree.list_of_runs
    path.write_text(path.read_text().replace("p+q,cnn2,2", "p+q,cnn2,1"))
    finish(study)


def a_run_is_taken_out(study):
    path = study.tree.list_of_runs
    path.write_text(path.read_text().replace("p,cnn2,2\n", ""))
    finish(study)


def one_model_is_shown_as_two_seeds(study):
    run = runs_of(study)[3]
    write_run(study, run, init=2)
    finish(study)


def one_model_a_little_changed_is_shown_as_two_seeds(study):
    from safetensors.torch import load_file, save_file

    one, other = runs_of(study)[2:]
    weights = load_file(one.folder / "model.safetensors")
    save_file(
        {name: value * 1.001 for name, value in weights.items()}, other.folder / "model.safetensors"
    )
    path = other.folder / "model.safetensors"
    logits = answers_again(path, other.record, study.images)
    change_json(other.folder / "run.json", sha256={"weights": file_digest(path)})
    write_answers(study, other, logits)
    finish(study)


def predictions_change_places(study):
    one, other = runs_of(study)[0], runs_of(study)[2]
    answers = [run.predictions().logits for run in (one, other)]
    write_answers(study, one, answers[1])
    write_answers(study, other, answers[0])
    finish(study)


def a_tenth_of_the_answers_is_made_right(study):
    for run in runs_of(study)[2:]:
        logits, labels = run.predictions().logits.copy(), study.expected.index.labels
        wrong = np.flatnonzero(logits.argmax(1) != labels)[::10]
        logits[wrong, labels[wrong]] += logits.std()
        write_answers(study, run, logits)
    finish(study)


def a_logit_is(value):
    def change(study):
        run = runs_of(study)[2]
        path = run.folder / "predictions.npz"
        with np.load(path) as archive:
            arrays = dict(archive)
        arrays["logits"][4, 1] = value
        np.savez(path, **arrays)
        change_json(run.folder / "metrics.json", sha256={"predictions": file_digest(path)})
        finish(study)

    return change


def a_seed_was_not_asked_for(study):
    names = study.tree.folder / "runs/p/cnn2"
    (names / "seed2").rename(names / "seed7")
    path = study.tree.list_of_runs
    path.write_text(path.read_text().replace("p,cnn2,2\n", "p,cnn2,7\n", 1))
    finish(study)


def a_split_is_made_by_hand(study):
    path = study.tree.split("p", 1)
    text = path.read_text()
    path.write_text(
        text.replace(",train", ",x", 1).replace(",test", ",train", 1).replace(",x", ",test")
    )
    finish(study)


def pairs_are_added_so_that_other_images_are_tested(study):
    with study.tree.near_duplicates.open("a") as stream:
        stream.write("1,2\n")
    finish(study)


def run_json(**values):
    def change(study):
        change_json(runs_of(study)[0].folder / "run.json", **values)
        finish(study)

    return change


def trained_by_another_recipe(study):
    other = {**RECIPE, "batch_size": 8}
    for run in runs_of(study):
        change_json(run.folder / "run.json", recipe=other)
    finish(study)


def history(values):
    def change(study):
        text = f"epoch,seconds,val_accuracy,chain\n{values}\n"
        (runs_of(study)[0].folder / "history.csv").write_text(text)
        finish(study)

    return change


def text(name, content):
    def change(study):
        (study.tree / name).write_text(content)

    return change


def not_in_the_record(study):
    files = read_json(study.tree.study)["files"]
    del files["results/comparisons/groups.csv"]
    change_json(study.tree.study, files=files)


def a_file_elsewhere_is_in_the_record(study):
    change_json(study.tree.study, files={"/dev/zero": "0", "results/../x": "0"})


TAMPERED = {
    a_file_elsewhere_is_in_the_record: "/dev/zero lies outside the study",
    a_run_is_listed_twice: "lists p/cnn2/1, p/cnn2/2, p+q/cnn2/1, p+q/cnn2/1, the configuration",
    a_run_is_taken_out: "runs.csv lists p/cnn2/1, p+q/cnn2/1",
    one_model_is_shown_as_two_seeds: "answers as p+q/cnn2/1 does: one model is shown as two",
    one_model_a_little_changed_is_shown_as_two_seeds: "answers as p+q/cnn2/1 does",
    predictions_change_places: "predictions.npz are not those of the weights",
    a_tenth_of_the_answers_is_made_right: "predictions.npz are not those of the weights",
    a_logit_is(np.nan): "a logit of image 4 is no finite number",
    a_logit_is(np.inf): "a logit of image 4 is no finite number",
    a_seed_was_not_asked_for: "runs.csv lists p/cnn2/1, p/cnn2/7",
    pairs_are_added_so_that_other_images_are_tested: "has 1 pairs that are further apart than 0.35",
    a_split_is_made_by_hand: "is not the split that seed 1 draws",
    run_json(seed=2): "run.json seed is 2, computed again 1",
    run_json(images={"train": "0", "val": "0"}): "run.json images train is 0",
    run_json(parents={}): "does not say that it was made from",
    run_json(parents={"results/splits/p/seed1.csv": "0"}): "was made from another",
    run_json(parents={"results/splits/q/seed1.csv": "0"}): "which is none of this run's",
    run_json(n_train=3): "n_train is 3",
    run_json(parameters=3): "parameters, recorded are 3",
    run_json(epochs=2): "epochs is 2, computed again 1",
    run_json(classes=["ant"]): "classes are ['ant']",
    trained_by_another_recipe: "was trained by another recipe",
    history("1,2.0,0.99,ab"): "history.csv validation accuracy was 0.9900, that of",
    history("1,1.0,0.3,ab\n2,1.0,0.3,ab"): "has 2 epochs, the recipe 1",
    text("runs/p/cnn2/seed1/report.txt", "x"): "report.txt is not the file that was recorded",
    text("splits/p/seed1.development.csv", "image_id,role\n"): "is not the split that seed 1 draws",
    text("partitions/q.json", "{}"): "does not describe the partition",
    text("recipes/cnn2.yaml", "epochs: 3"): "does not have the overrides' values",
    text("summary_by_group.csv", "combo\n"): "is not the file that was recorded",
    text("study.json", "[]"): "study.json is not what the project writes",
    not_in_the_record: "groups.csv has no recorded sha256",
}


@pytest.mark.parametrize("tamper", TAMPERED)
def test_what_was_tampered_with_is_found(study, tamper):
    tamper(study)
    assert any(TAMPERED[tamper] in problem for problem in found_by(study)), found_by(study)


def test_what_cannot_be_predicted_again_is_said_and_no_check(study):
    for answer, reason in (
        (None, "torch is not installed here"),
        (lambda *_: None, "there is no network 'cnn2' here"),
    ):
        verification = Verification(study.tree.folder, answer=answer)
        kinds = [check.check for check in verification.checks()]
        assert "predictions are those of the weights" not in kinds and "roles" in " ".join(kinds)
        assert set(verification.predicted.values()) == {reason}


CORRECTED = CONFIG | {"dataset": {"name": "digits", "corrections": "verdicts.csv"}}


def test_a_corrected_study_holds_and_other_corrections_are_found(tmp_path):
    study = write_study(tmp_path / "results", CORRECTED)
    assert found_by(study) == []
    corrections = read_csv(study.tree.corrections)
    # A correction more, which the table of images, the splits and the runs know nothing of.
    corrections[0] |= {"file": "8.png", "image_id": "8"}
    write_csv(study.tree.corrections, list(corrections[0]), (row.values() for row in corrections))
    assert any("is not what the corrections make of the images" in text for text in found_by(study))
    asked = {"dataset": {"name": "digits", "corrections": str(tmp_path / "mine.csv")}}
    shutil.copy(study.tree.corrections, tmp_path / "mine.csv")
    finish(write_study(tmp_path / "again", CORRECTED))
    problems_found = found_by(SimpleNamespace(tree=ResultsTree(tmp_path / "again")), CONFIG | asked)
    assert any("are not the corrections of" in text for text in problems_found)
    without = other_configuration(read_json(study.tree.study), CONFIG, {"cnn2": RECIPE})
    assert without.startswith("dataset is")


def test_a_student_is_held_against_what_was_asked(study):
    assert found_by(study, CONFIG) == []
    (problem,) = [text for text in found_by(study, CONFIG | {"seeds": [1]}) if "runs.csv" in text]
    assert "the configuration asks for p/cnn2/1, p+q/cnn2/1" in problem


def test_results_are_known_to_be_of_another_configuration(study):
    record = read_json(study.tree.study)
    moved = CONFIG | {"dataset": {"name": "digits", "path": "x"}, "device": "cuda", "storage": "s3"}
    assert other_configuration(record, moved, {"cnn2": RECIPE}) == ""
    probe = {"recipes": {"cnn2": {"architecture": {"name": "probe", "features": "f"}}}}
    searched = RECIPE | {"optimizer": {"lr": "from lr_find"}, "normalize": "data"}
    found = other_configuration(record | probe, CONFIG, {"cnn2": searched})
    assert found.startswith("cnn2 has architecture")
    for change, recipe, message in (
        ({"seeds": [1]}, RECIPE, "seeds is [1, 2], asked about is [1]"),
        ({"dataset": {"name": "cifar10"}}, RECIPE, "dataset is"),
        ({}, {**RECIPE, "epochs": 9}, "cnn2 has epochs 1, asked about is 9"),
    ):
        assert other_configuration(record, CONFIG | change, {"cnn2": recipe}).startswith(message)


def test_answers_of_another_processor_pass_and_turned_ones_do_not():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (256, 10)).astype(np.float32)
    noise = random.normal(0, 0.002, logits.shape).astype(np.float32)
    assert answers_differ(logits, logits + noise) == ""
    turned = logits.copy()
    turned[7, logits[7].argmin()] += 20
    assert "1 of 256 images have other logits, 1 another most" in answers_differ(turned, logits)
    assert same_answers(np.stack([logits, turned * 0, logits * 2 + 1, turned[::-1]])) == [(0, 2)]
    diverged = np.full_like(logits, np.nan)
    assert answers_differ(diverged, diverged) == ""
    assert "diverged" in answers_differ(diverged, logits)
