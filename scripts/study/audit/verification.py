"""Whether a study's files are what they were, hold together, and say what its summary says.

Every number of a run is computed again from its stored logits by the code that made it, and the
rows of the summary from the runs' files. That the code itself is right is what the tests show, with
other implementations of each metric (`tests/oracle.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.audit.checks import (
    Check,
    Unreadable,
    accuracy_without_near_duplicates,
    first_difference,
    opened,
    problems,
    recorded_digests,
    roles_hold,
    splits_hold,
)
from study.data.index import read_image_ids, read_index
from study.data.names import OFFICIAL
from study.data.near_duplicates import read_duplicates
from study.data.splits import common_test, read_split
from study.files import read_json, read_table
from study.runs.history import read_history
from study.runs.metrics import run_metrics
from study.runs.predictions import Predictions, load_predictions
from study.runs.run import Run, read_runs, run_of
from study.runs.summary import run_row
from study.runs.tree import ResultsTree

# What the folder of a run holds.
_FILES = (
    "model.safetensors", "history.csv", "dynamics.npz", "run.json", "predictions.npz",
    "metrics.json", "report.txt", "classification_report.json", "misclassified.csv", "gradcam.npz",
    "gradcam.svg",
)  # fmt: skip
# And where the configuration does not leave them out.
_FIGURES = ("confusion_matrix.svg", "curves.svg", "misclassified.svg")


def study_checks(
    results: Path, partitions: Sequence[str], scores: list[dict[str, Any]]
) -> Iterator[Check]:
    """Yield all checks of a study, in the order in which its files were made.

    Runs are looked at only where what they share is as it was.

    Args:
        results: folder of a finished study.
        partitions: their names.
        scores: gets a row a run that did not diverge: `combo`, `model`, `seed`; `accuracy`, on the
            common test where there is one, computed again; `n_seen_near_duplicates` and
            `accuracy_without`, see `accuracy_without_near_duplicates`.
    """
    tree = ResultsTree(results)
    try:
        shared = Shared(tree, partitions)
        found = list(shared.checks())
        yield from found
        if problems(found):
            return
        runs = opened(read_runs, tree.list_of_runs)
        summary = opened(read_table, tree / "summary.csv").to_dict("records")
        record = opened(read_json, tree.study)
        if record["config"].get("figures", {}).get("runs", True):
            shared.files += _FIGURES
    except Unreadable as error:
        yield error.check
        return
    rows = {(row["combo"], row["model"], row["seed"]): row for row in summary}
    for run in runs:
        row = rows.get(run.key)
        path = str(tree / "summary.csv")
        missing = "" if row else f"has no row for {run.name}"
        yield Check("the summary has every run", path, missing, path if missing else "")
        try:
            yield from run_checks(shared, run, row, scores)
        except Unreadable as error:
            yield error.check
    yield from record_checks(results, record)


def record_checks(results: Path, record: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the checks of a study's files and runs against its record."""
    kind = "shared files are those of the study's record"
    remake = str(ResultsTree(results).study)
    for check in recorded_digests(record["files"], results.parent, kind):
        yield check._replace(remake=f"{check.remake} {remake}" if check.problem else "")
    for row in record["runs"]:
        run = run_of(results, row["combo"], row["model"], row["seed"])
        try:
            found = {
                "weights": opened(read_json, run.folder / "run.json")["sha256"]["weights"],
                "predictions": _recorded_predictions(run),
            }
        except Unreadable:  # said above
            continue
        problem = "" if found == row["sha256"] else "is not the run that study.json records"
        kind = "runs are those of the study's record"
        yield Check(kind, str(run.folder), problem, remake if problem else "")


def _recorded_predictions(run: Run) -> str:
    metrics = opened(read_json, run.folder / "metrics.json")
    return metrics.get("sha256", {}).get("predictions", "")


class Shared:
    """What all runs of a study share: images, partitions, splits and common tests."""

    def __init__(self, tree: ResultsTree, names: Sequence[str]):
        self.tree = tree
        self.files = _FILES
        self.manifest = opened(read_json, tree.data_manifest)
        self.index = opened(read_index, tree.index)
        self.pairs = opened(read_duplicates, tree.near_duplicates)
        self.digests = {
            f"{name}.csv": opened(read_json, tree.partition_record(name))["sha256"]
            for name in names
        }
        self.partitions = {name: opened(read_image_ids, tree.partition(name)) for name in names}
        seeds = dict.fromkeys(run.seed for run in opened(read_runs, tree.list_of_runs))
        self.splits = {
            (name, seed): opened(read_split, tree.split(name, seed))
            for name in names
            for seed in seeds
        }
        self.common_tests = {seed: opened(read_image_ids, tree.common_test(seed)) for seed in seeds}

    def checks(self) -> Iterator[Check]:
        """Yield the checks of the files and of how splits divide partitions."""
        tree = self.tree
        yield from recorded_digests(
            self.manifest["sha256"], tree / "data", "data is what was decoded"
        )
        yield from recorded_digests(
            self.digests, tree / "partitions", "partitions are what was drawn"
        )
        files = [tree.partition(name) for name in self.partitions]
        files += [tree.split(name, seed) for name, seed in self.splits]
        held = splits_hold(self.partitions, self.splits, len(self.index.labels))
        for check, path in zip(held, files, strict=True):
            yield check._replace(remake=str(path) if check.problem else "")
        for seed, image_ids in self.common_tests.items():
            path = str(tree.common_test(seed))
            union = common_test(self.splits[name, seed] for name in self.partitions)
            problem = "" if np.array_equal(union, image_ids) else "is not the splits' test images"
            kind = "common tests are the partitions' test images"
            yield Check(kind, path, problem, path if problem else "")

    def splits_of(self, run: Run) -> list[Mapping[str, np.ndarray]]:
        """Return the splits that a run was trained on."""
        if run.combo == OFFICIAL:
            return [opened(read_split, self.tree.split(OFFICIAL, run.seed))]
        return [self.splits[part, run.seed] for part in run.combo.split("+")]


def run_checks(
    shared: Shared, run: Run, row: Mapping[str, Any] | None, scores: list[dict[str, Any]]
) -> Iterator[Check]:
    """Yield the checks of one run; numbers are computed again only from files that were recorded.

    Args:
        shared: what all runs share.
        run: as the list of runs has it.
        row: of the summary; None if that has none.
        scores: where a row is added, see `study_checks`.
    """
    paths = [run.folder / name for name in shared.files]
    lost = {path: "is missing" for path in paths if not path.exists()}
    # Such as a power cut leaves.
    lost |= {path: "is empty" for path in paths if path.exists() and not path.stat().st_size}
    for path, problem in lost.items():
        yield Check("files are there", str(path), problem, str(path))
    if not lost:
        yield Check("files are there", str(run.folder), "")
    record = opened(read_json, run.folder / "run.json")
    digests = {
        "model.safetensors": record["sha256"]["weights"],
        "predictions.npz": _recorded_predictions(run),
    }
    # splits/<partition>/seed<seed>.csv: what comes before it is another place where the run was
    # trained on a copy.
    parents = {
        "/".join(Path(path).parts[-3:]): digest
        for path, digest in record.get("parents", {}).items()
        if path.endswith(".csv")
    }
    found = [
        *recorded_digests(digests, run.folder, "weights and predictions are what was made"),
        *recorded_digests(parents, shared.tree.folder, "splits are those that were trained on"),
    ]
    yield from found
    if problems(found):
        return
    predictions = opened(load_predictions, run.folder / "predictions.npz")
    problem = roles_hold(predictions, shared.splits_of(run))
    remake = str(run.folder / "predictions.npz")
    kind = "roles are those of the splits"
    yield Check(kind, str(run.folder), problem, remake if problem else "")
    yield from number_checks(shared, run, predictions, row, scores)


def number_checks(
    shared: Shared,
    run: Run,
    predictions: Predictions,
    row: Mapping[str, Any] | None,
    scores: list[dict[str, Any]],
) -> Iterator[Check]:
    """Yield the checks that a run's metrics follow from its logits, and the summary from these."""
    labels, classes = shared.index.labels, shared.index.classes
    common = shared.common_tests[run.seed]
    again = run_metrics(predictions, labels, classes, common, shared.pairs)
    path = run.folder / "metrics.json"
    problem = first_difference(opened(read_json, path), again)
    remake = str(path) if problem else ""
    yield Check("metrics follow from the logits", str(path), problem, remake)
    if row is None:
        return
    history = opened(read_history, run.folder / "history.csv")
    expected = run_row(run) | {
        "epochs": len(history),
        "train_seconds": float(history["seconds"].sum()),
    }
    problem = first_difference(row, expected)
    remake = str(shared.tree / "summary.csv")
    kind = "the summary follows from the runs"
    yield Check(kind, str(run.folder), problem, remake if problem else "")
    if again["status"] == "ok":
        measured = again["common_test"] if again["common_test"]["n"] else again
        test = common if again["common_test"]["n"] else np.flatnonzero(predictions.has_role("test"))
        judged = predictions.may_judge(shared.pairs)
        n, without = accuracy_without_near_duplicates(predictions, labels, test, judged)
        scores.append(
            {"combo": run.combo, "model": run.model, "seed": run.seed, "n_seen_near_duplicates": n}
            | {"accuracy_without": without, "accuracy": measured["overall_accuracy"]}
        )
