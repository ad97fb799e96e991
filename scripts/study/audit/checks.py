"""All checks of a finished study, in the order in which its files were made."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.audit.verification import (
    Check,
    Unreadable,
    accuracy_without_twins,
    judged_by,
    opened,
    problems,
    recorded_digests,
    roles_hold,
    splits_hold,
    summary_agrees,
    summary_row,
)
from study.data.index import read_index
from study.data.names import OFFICIAL
from study.data.near_duplicates import read_duplicates
from study.data.partitions import read_partition, read_split, union
from study.files import read_csv, read_json
from study.runs.legacy import read_runs, run_folder
from study.runs.predictions import load_predictions

# What the folder of a run holds.
_FILES = (
    "model.safetensors", "history.csv", "dynamics.npz", "run.json", "predictions.npz", "metrics.json", "report.txt",
    "classification_report.json", "misclassified.csv", "misclassified.svg", "confusion_matrix.svg", "curves.svg", "gradcam.npz",
    "gradcam.svg",
)  # fmt: skip


def study_checks(
    results: Path, names: Sequence[str], twins: list[dict[str, Any]]
) -> Iterator[Check]:
    """Yield all checks of a study, in the order in which its files were made. Runs are looked at only where what they share is as it was.

    Args:
        results: folder of a finished study.
        names: of its partitions.
        twins: gets a row a run that did not diverge: `combo`, `model`, `seed`; `accuracy`, on the common test where there is one, computed anew;
            `n_seen_twins` and `accuracy_without`, see `accuracy_without_twins`.
    """
    try:
        shared = Shared(results, names)
        found = list(shared.checks())
        yield from found
        if problems(found):
            return
        runs = opened(read_runs, results / "runs.csv")
        summary = opened(
            partial(pd.read_csv, dtype={"combo": str, "model": str}), results / "summary.csv"
        )
        rows = {
            (row["combo"], row["model"], row["seed"]): row for row in summary.to_dict("records")
        }
        record = opened(read_json, results / "study.json")
    except Unreadable as error:
        yield error.check
        return
    for run_ in runs.itertuples(index=False):
        row = rows.get(tuple(run_))
        missing = "" if row else f"has no row for {run_.model} on {run_.combo}, seed {run_.seed}"
        path = str(results / "summary.csv")
        yield Check("the summary has every run", path, missing, path if missing else "")
        try:
            yield from run_checks(shared, run_folder(results / "runs", *run_), run_, row, twins)
        except Unreadable as error:
            yield error.check
    yield from record_checks(results, record)


def record_checks(results: Path, record: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the checks of a study's files and runs against its record."""
    remake = str(results / "study.json")
    for check in recorded_digests(
        record["files"], results.parent, "shared files are those of the study's record"
    ):
        yield check._replace(remake=f"{check.remake} {remake}" if check.problem else "")
    for run_ in record["runs"]:
        folder = run_folder(results / "runs", run_["combo"], run_["model"], run_["seed"])
        try:
            found = {
                "weights": opened(read_json, folder / "run.json")["sha256"]["weights"],
                "predictions": opened(read_json, folder / "metrics.json")
                .get("sha256", {})
                .get("predictions"),
            }
        except Unreadable:  # said above
            continue
        problem = "" if found == run_["sha256"] else "is not the run that study.json records"
        yield Check(
            "runs are those of the study's record", str(folder), problem, remake if problem else ""
        )


class Shared:
    """What all runs of a study share: images, partitions and splits."""

    def __init__(self, results: Path, names: Sequence[str]):
        self.results = results
        self.manifest = opened(read_json, results / "data" / "manifest.json")
        self.digests = {
            f"{name}.csv": opened(read_json, results / "partitions" / f"{name}.json")["sha256"]
            for name in names
        }
        self.index = opened(read_index, results / "data" / "index.csv")
        seeds = opened(read_runs, results / "runs.csv")["seed"].unique().tolist()
        self.partition_files = {name: results / "partitions" / f"{name}.csv" for name in names}
        self.split_files = {
            (name, seed): results / "splits" / name / f"seed{seed}.csv"
            for name in names
            for seed in seeds
        }
        self.partitions = {
            name: opened(read_partition, path) for name, path in self.partition_files.items()
        }
        self.splits = {key: opened(read_split, path) for key, path in self.split_files.items()}
        self.pairs = opened(read_duplicates, results / "data" / "near_duplicates.csv")

    def checks(self) -> Iterator[Check]:
        """Yield the checks of the files and of how splits divide partitions."""
        yield from recorded_digests(
            self.manifest["sha256"], self.results / "data", "data is what was decoded"
        )
        yield from recorded_digests(
            self.digests, self.results / "partitions", "partitions are what was drawn"
        )
        files = [*self.partition_files.values(), *self.split_files.values()]
        held = splits_hold(self.partitions, self.splits, len(self.index.labels))
        for check, path in zip(held, files, strict=True):
            yield check._replace(remake=str(path) if check.problem else "")


def run_checks(
    shared: Shared,
    folder: Path,
    listed: tuple,
    row: Mapping[str, Any] | None,
    twins: list[dict[str, Any]],
) -> Iterator[Check]:
    """Yield the checks of one run; its numbers are computed anew only from files that are what was recorded.

    Args:
        shared: what all runs share.
        folder: of the run.
        listed: its combo, model and seed.
        row: of the summary; None if that has none.
        twins: where a row of the table of near-duplicates is added.
    """
    combo, model, seed = listed
    lost = [folder / name for name in _FILES if not (folder / name).exists()]
    yield from (Check("files are there", str(path), "is missing", str(path)) for path in lost)
    if not lost:
        yield Check("files are there", str(folder), "")
    record, metrics = (opened(read_json, folder / name) for name in ("run.json", "metrics.json"))
    digests = {
        "model.safetensors": record["sha256"]["weights"],
        "predictions.npz": metrics.get("sha256", {}).get("predictions", ""),
    }
    # splits/<partition>/seed<seed>.csv: what comes before it is another place where the run was trained on a copy.
    parents = {
        "/".join(Path(path).parts[-3:]): digest
        for path, digest in record.get("parents", {}).items()
        if path.endswith(".csv")
    }
    found = [
        *recorded_digests(digests, folder, "weights and predictions are what was made"),
        *recorded_digests(parents, shared.results, "splits are those that were trained on"),
    ]
    yield from found
    if problems(found):
        return
    predictions = opened(load_predictions, folder / "predictions.npz")
    history = opened(read_csv, folder / "history.csv")
    whole = combo == OFFICIAL
    own = (
        [opened(read_split, shared.results / "splits" / OFFICIAL / f"seed{seed}.csv")]
        if whole
        else [shared.splits[part, seed] for part in combo.split("+")]
    )
    problem = roles_hold(predictions, own)
    predicted = str(folder / "predictions.npz")
    yield Check("roles are those of the splits", str(folder), problem, predicted if problem else "")
    if row is None:
        return
    common = union([shared.splits[name, seed] for name in shared.partitions], "test")
    judged = judged_by(predictions, shared.pairs)
    again = summary_row(
        record, history, metrics["temperature"], predictions, shared.index, own, common, judged
    )
    problem = summary_agrees(row, again)
    scores = f"{folder / 'metrics.json'} {shared.results / 'summary.csv'}"
    yield Check("summary follows from the logits", str(folder), problem, scores if problem else "")
    if record["status"] == "ok":
        test = common if again["n_common_test"] else np.flatnonzero(predictions.has_role("test"))
        n, accuracy = accuracy_without_twins(predictions, shared.index.labels, test, judged)
        twins.append({"combo": combo, "model": model, "seed": seed, "n_seen_twins": n, "accuracy_without": accuracy}
                     | {"accuracy": again[f"{again['measured_on']}_accuracy"]})  # fmt: skip
