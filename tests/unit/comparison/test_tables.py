"""compare.py on small made-up studies: whole ones and poor ones."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.verdicts import Design, simulate
from conftest import run_script
from made_up_study import ALL_COMBOS, LABELS, PARTITIONS, K, MadeUpStudy
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from study.comparison.answers import answers
from study.comparison.claims import judge_claims
from study.comparison.tables import comparisons
from study.runs.calibration import equal_width_edges, reliability
from study.runs.predictions import Predictions, load_predictions
from study.runs.run import Run

TABLES = (
    "comparisons", "groups", "power", "variance", "scaling", "agreement", "calibration", "roc",
)  # fmt: skip


def compared(study):
    """Return the tables that compare.py writes of a made-up study, by name."""
    out = study.folder / "out"
    run_script(
        "compare.py", "--runs", study.folder / "runs.csv", "--index", study.folder / "index.csv",
        "--duplicates", study.folder / "duplicates.csv", "--partitions", *PARTITIONS,
        "--tables", *(out / f"{table}.csv" for table in TABLES), "--page", out / "c.html",
        "--comparisons-figure", out / "c.svg", "--variance-figure", out / "v.svg",
        "--scaling-figure", out / "s.svg", "--calibration-figure", out / "k.svg",
        "--roc-figures", *(out / f"{model}.svg" for model in study.models),
    )  # fmt: skip
    return {
        path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""])
        for path in out.glob("*.csv")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return MadeUpStudy(tmp_path_factory.mktemp("whole"), ALL_COMBOS, ["a", "b"], [1, 2, 3])


def test_a_study_is_compared_over_all_its_families(whole):
    tables = compared(whole)
    pairs = tables["comparisons"]
    assert set(pairs["measure"]) == {"accuracy", "nll", "brier"}
    accuracy = pairs[pairs["measure"] == "accuracy"]
    assert len(accuracy) == 2 * 21 + 8  # 7 combos of two models; two models on 8 combos
    assert "official" not in set(accuracy["a"]) | set(accuracy["b"])  # not on the common test
    on_official = accuracy[accuracy["within"] == "official"].iloc[0]
    assert (on_official["n_images"], on_official["n_tests"]) == (40, 3 * 40)
    row = accuracy[
        (accuracy["within"] == "a") & (accuracy["a"] == "v1") & (accuracy["b"] == "v1+v2+v3")
    ].iloc[0]
    assert row["verdict"] == "v1+v2+v3" and row["n_tests"] == 3 * 60 > row["n_images"]
    groups = tables["groups"].set_index(["combo", "model"])
    assert set(groups.loc[("v1", "a"), "letters_of_combos"]).isdisjoint(
        groups.loc[("v1+v2+v3", "a"), "letters_of_combos"]
    )
    assert groups.loc[("official", "a"), "accuracy"] > groups.loc[("v1", "a"), "accuracy"]
    assert (groups["images_low"] < groups["accuracy"]).all() and (
        groups["accuracy"] < groups["images_high"]
    ).all()
    scaling = tables["scaling"].set_index("model")
    assert (scaling["low"] > 0).all() and (scaling["error_at_40"] > scaling["error_at_120"]).all()
    agreement = tables["agreement"]
    assert set(agreement["between"]) == {"seeds", "models"}
    assert agreement["kappa"].abs().max() < 0.5  # invented independently
    assert set(agreement.loc[agreement["combo"] == "official", "n_images"]) == {39}  # 200 is as 3
    variance = tables["variance"].set_index(["model", "source"])
    assert (
        variance.loc[("a", "partition"), "freedom"] == 2
        and 2 <= variance.loc[("a", "seed"), "freedom"] <= 6
    )
    power = tables["power"]
    assert set(power["n_pairs"]) == {len(accuracy)}  # of both families: all are adjusted for
    assert (power.loc[power["measure"] == "accuracy", "seeds_needed"] >= 2).all()


@pytest.mark.parametrize(("sizes", "n_images"), [(("official",), 60), ((1,), 120)])
def test_an_accuracy_without_errors_has_wilsons_interval(sizes, n_images):
    study, *_ = simulate(Design(sizes, 1, 2, 60, accuracy=3), np.random.default_rng(0))
    [group] = comparisons(study, 0.005)[1].to_dict("records")
    low, _ = proportion_confint(n_images, n_images, method="wilson")
    ends = [group[f"{of}_low"] for of in ("images", "new_images", "seeds")]
    assert ends == pytest.approx([low] * 3)
    assert group["accuracy"] == group["images_high"] == group["seeds_high"] == 1


def test_answers_that_no_seed_changes_are_as_sure_as_those_of_one():
    """As of a model that was imported, on the combo official: two seeds say what one says."""
    study, *_ = simulate(Design(("official",), 1, 1, 60), np.random.default_rng(0))
    [one] = study.group("official", "m0").values()
    study.groups["official", "m0"][1] = one
    [group] = comparisons(study, 0.005)[1].to_dict("records")
    ends = proportion_confint(one.values["accuracy"].sum(), 60, method="wilson")
    assert (group["seeds_low"], group["seeds_high"]) == pytest.approx(ends)


def test_a_run_is_kept_in_a_few_bytes_a_test_image_and_two_bits_an_image():
    random = np.random.default_rng(0)
    labels = np.arange(8000) % K
    predictions = Predictions(
        random.normal(size=(8000, K)).astype(np.float32), np.zeros(8000, np.uint8)
    )
    test = np.arange(1000)
    run = answers(Run("v1", "a", 1, Path()), predictions, test, labels, 1.5)
    assert (run.right == (predictions.logits.argmax(axis=1) == labels)).all() and run.unseen.all()
    kept = [
        run.bits,
        *run.values.values(),
        *(part for state in run.bins.values() for part in state),
    ]
    assert sum(part.nbytes for part in kept) < 10 * len(test) + 8000 / 4


def test_areas_under_curves_are_means_over_seeds_of_what_each_run_has(whole):
    table = compared(whole)["roc"].query("model == 'a' and combo == 'v1'").set_index("class")
    areas = []
    for seed in whole.seeds:
        run = load_predictions(whole.folder / f"runs/v1/a/seed{seed}/predictions.npz")
        test = whole.common_test(seed)
        p = run.log_probabilities()[test, 1]
        areas.append(roc_auc_score(LABELS[test] == 1, p))
    assert table.at["dog", "auroc"] == pytest.approx(np.mean(areas), rel=1e-4)
    mean, *of_classes = table["average_precision"]
    assert mean == pytest.approx(np.mean(of_classes), rel=1e-4)


def test_calibration_of_all_runs_together_is_that_of_all_their_answers(whole):
    table = compared(whole)["calibration"]
    model, trained = "a", table["state"] == "as trained"
    confidence, right = [], []
    for combo, seed in itertools.product(
        [combo for combo in whole.combos if combo != "official"], whole.seeds
    ):
        run = load_predictions(
            whole.folder / "runs" / combo / model / f"seed{seed}" / "predictions.npz"
        )
        test = whole.common_test(seed)
        p = np.exp(run.log_probabilities()[test])
        confidence.append(p.max(axis=1))
        right.append(p.argmax(axis=1) == LABELS[test])
    for seed in whole.seeds:
        run = load_predictions(
            whole.folder / "runs" / "official" / model / f"seed{seed}" / "predictions.npz"
        )
        p = np.exp(run.log_probabilities()[200:])
        confidence.append(p.max(axis=1))
        right.append(p.argmax(axis=1) == LABELS[200:])
    expected = reliability(np.concatenate(confidence), np.concatenate(right), equal_width_edges())
    rows = table[trained & (table["model"] == model)]
    for column, values in zip(("n", "confidence", "accuracy"), expected, strict=True):
        assert rows[column].to_numpy() == pytest.approx(values, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("combos", "models", "seeds"),
    [
        (["v1"], ["a"], [1]),
        (["v1", "v2"], ["a"], [1]),
        (["official"], ["a", "b"], [1, 2]),
        (["v1+v2"], ["a", "b"], [1]),
    ],
)
def test_a_poor_study_gets_what_it_can_and_says_what_it_lacks(tmp_path, combos, models, seeds):
    study = MadeUpStudy(tmp_path, combos, models, seeds)
    tables = compared(study)
    pairs = tables["comparisons"]
    assert len(pairs) == 3 * (len(combos) * len(models) - 1)
    if len(seeds) == 1 and len(pairs):
        assert pairs["method"].str.contains("one seed").all() and pairs["seeds_low"].isna().all()
        assert pairs[["low", "high", "p"]].notna().all(axis=None)
        assert "nothing is known of other seeds" in (tmp_path / "out" / "c.html").read_text()


def test_a_diverged_run_is_left_out_of_everything(tmp_path):
    lost = ("v1", "a", 1)
    study = MadeUpStudy(tmp_path, ["v1", "v1+v2"], ["a", "b"], [1, 2], diverged=[lost])
    tables = compared(study)
    pairs = tables["comparisons"]
    accuracy = pairs[pairs["measure"] == "accuracy"].set_index(["compared", "within"])
    assert (
        accuracy.loc[("combos", "a"), "n_seeds"] == 1
        and accuracy.loc[("combos", "b"), "n_seeds"] == 2
    )
    assert tables["groups"].set_index(["combo", "model"]).loc[("v1", "a"), "n_seeds"] == 1


def test_a_study_in_which_everything_diverged_says_so(tmp_path):
    study = MadeUpStudy(tmp_path, ["v1"], ["a"], [1], diverged=[("v1", "a", 1)])
    assert compared(study)["comparisons"].empty


def test_a_study_without_pairs_has_a_table_of_the_same_columns(whole, tmp_path):
    alone = compared(MadeUpStudy(tmp_path, ["v1"], ["a"], [1]))["comparisons"]
    assert alone.empty and list(alone) == list(compared(whole)["comparisons"])


@pytest.mark.parametrize(
    ("combos", "models", "diverged"),
    [
        (["v1", "v2"], ["a"], [("v1", "a", 1), ("v2", "a", 2)]),
        (["official"], ["a", "b"], [("official", "a", 1), ("official", "b", 2)]),
    ],
)
def test_groups_without_a_seed_in_common_are_no_pair(tmp_path, whole, combos, models, diverged):
    tables = compared(MadeUpStudy(tmp_path, combos, models, [1, 2], diverged=diverged))
    assert tables["comparisons"].empty and tables["power"].empty
    assert list(tables["comparisons"]) == list(compared(whole)["comparisons"])
    groups = tables["groups"]
    assert (groups["n_seeds"] == 1).all() and groups["letters_of_combos"].isna().all()
    claim = {"claim": "One is better", "better": "v2", "than": "v1"}
    if "v1" in combos:
        (row,) = judge_claims([claim], tables["comparisons"], groups, tables["variance"]).to_dict(
            "records"
        )
        assert row["verdict"] == "undecided" and row["reason"] == "no seed has runs of both"
