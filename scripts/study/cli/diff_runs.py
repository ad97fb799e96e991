"""Print in what two runs differ: how they were made, their metrics, the images they get right."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from study.cli.diff_cells import (
    images_digest,
    in_two_columns,
    number,
    p_value,
    short,
    signed,
    weights_digest,
)
from study.cli.terminal import console, say, table
from study.comparison.two_runs import changed_images, differing, paired_answers, seed_noise
from study.data.index import read_duplicates, read_index
from study.errors import StudyError
from study.files import write_table
from study.runs.chance import MEASURED
from study.runs.outdated import why_outdated
from study.runs.run import Run
from study.runs.summary import RESOURCES, run_row
from study.runs.table import run_table
from study.runs.tree import ResultsTree

if TYPE_CHECKING:
    from rich.console import Console

_MEASURES = [
    "common_test_accuracy", "test_accuracy", "out_of_sample_accuracy", "train_accuracy",
    "val_accuracy", "macro_f1", "nll", "brier", "ece", "epochs", "train_seconds", "peak_memory_mb",
]  # fmt: skip
# Of run.json: what a run was trained by, on and with. Paths of its parents differ from run to run,
# so only what they have in common is compared.
_RECORDED = {
    "Recipe": ["recipe"],
    "Data": ["n_train", "n_val", "classes", "image_shape", "images", "parents"],
    "Made with": [
        "code", "repository", "initial_weights", "device", "precision", "threads", "versions",
        "machine",
    ],
}  # fmt: skip


class ComparedRun(NamedTuple):
    """One of two runs, as the user named it, and the table of its study where that is known."""

    name: str
    run: Run
    results: ResultsTree
    table: pd.DataFrame | None

    @property
    def status(self) -> str:
        """What became of it: of a run that is measured, what its answers say of it too."""
        measured = (self.run.folder / "metrics.json").is_file()
        return "diverged" if measured and self.run.diverged else self.run.record["status"]

    @property
    def seeds(self) -> pd.DataFrame | None:
        """The runs of its combo and model that did not diverge, over seeds."""
        if self.table is None:
            return None
        same = (self.table["combo"] == self.run.combo) & (self.table["model"] == self.run.model)
        return self.table[same & self.table["status"].isin(MEASURED)]


def compared_run(name: str, folder: Path) -> ComparedRun:
    """Return the run whose files lie in a folder.

    Args:
        name: as the user named it.
        folder: of the run, at its place in a tree of results.

    Raises:
        StudyError: it is not trained, or lies in no such tree.
    """
    if not (folder / "run.json").is_file():
        raise StudyError(
            f"{name} is not trained: there is no {folder}/run.json; "
            "`study show` lists the runs and their status"
        )
    # <results>/runs/<combo>/<model>/seed<seed>, or <results>/certify/… of a run trained again.
    if len(folder.parents) < 4:
        raise StudyError(
            f"{name} lies in no folder of results; expected the path of a run such as "
            "results/runs/v1/cnn2/seed42"
        )
    results, (combo, model, seed_folder) = folder.parents[3], folder.parts[-3:]
    seed = seed_folder.removeprefix("seed")
    known = seed.isdecimal() and any(
        (results / file).is_file() for file in ("runs.csv", "summary.csv")
    )
    run = Run(combo, model, int(seed) if seed.isdecimal() else 0, folder)
    return ComparedRun(name, run, ResultsTree(results), run_table(results) if known else None)


def compare_runs(a: ComparedRun, b: ComparedRun, *, everything: bool, output: str | None) -> None:
    """Print what differs between two runs.

    Args:
        a: a run.
        b: another one.
        everything: compare every number of the summary, not the main ones alone.
        output: table to write: the images that one gets right and the other wrong, .csv.
    """
    where = console()
    for letter, one in zip("AB", (a, b), strict=True):
        started = one.run.record["started"][:16].replace("T", " ")
        why = why_outdated(one.run)
        status = f"outdated ({why})" if why else one.status
        say(where, f"{letter}  {one.name}  {status}, trained {started}")
    _print_records(where, a.run.record, b.run.record)
    _print_metrics(where, a, b, everything)
    _print_images(where, a, b, output)


def _print_records(where: "Console", a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    weights = weights_digest(a)
    if weights is not None and weights == weights_digest(b):
        where.print()
        same = f"its weights are the same, bit for bit (sha256 {short(weights)})"
        say(where, f"The same run: {same}.")
    unknown = [key for keys in _RECORDED.values() for key in keys if (key in a) != (key in b)]
    equal = []
    for title, keys in _RECORDED.items():
        both = [key for key in keys if key not in unknown]
        rows = _recorded_differences(*({key: one.get(key) for key in both} for one in (a, b)))
        if rows:
            in_two_columns(where, title, rows)
        else:
            equal.append(title.lower())
    if equal:
        where.print()
        say(where, f"No difference: {', '.join(equal)}.")
    if unknown:
        where.print()
        one_alone = "Recorded of one run alone, by another version of the project"
        say(where, f"{one_alone}: {', '.join(unknown)}.")


def _recorded_differences(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, str, str]]:
    a, b = ({key: value for key, value in side.items() if value is not None} for side in (a, b))
    for side in (a, b):
        if "parents" in side:
            digests = side["parents"].items()
            side["parents"] = {_without_run(path): digest for path, digest in digests}
    if "parents" in a and "parents" in b:
        shared = sorted(a["parents"].keys() & b["parents"].keys())
        for side in (a, b):
            side["parents"] = {path: side["parents"][path] for path in shared}
    return [
        (key.removeprefix("recipe."), short(before), short(after))
        for key, before, after in differing(a, b)
    ]


def _without_run(path: str) -> str:
    """Return a path without the name of the model, which tells recipes apart already."""
    return "recipe" if path.startswith("results/recipes/") else path.removeprefix("results/")


def _print_metrics(where: "Console", a: ComparedRun, b: ComparedRun, everything: bool) -> None:
    where.print()
    if not all((one.run.folder / "metrics.json").is_file() for one in (a, b)):
        say(where, "Metrics and images: nothing to compare, not both runs are measured.")
        return
    before, after = (run_row(one.run) for one in (a, b))
    of_seeds = {
        (one.results.folder.resolve(), one.run.combo, one.run.model): one.seeds
        for one in (a, b)
        if one.seeds is not None
    }
    cells = []
    for name in before if everything else _MEASURES:
        values = [row.get(name) for row in (before, after)]
        if not all(isinstance(value, int | float) for value in values):
            continue
        groups = [pd.to_numeric(runs[name]).to_list() for runs in of_seeds.values() if name in runs]
        noise = math.nan if name in RESOURCES else seed_noise(groups)
        difference = values[1] - values[0]
        exceeds = noise > 0 and abs(difference) > noise
        cells.append(
            {
                "Metrics": name,
                "A": number(values[0]),
                "B": number(values[1]),
                "B - A": signed(difference),
                "two seeds": f"± {number(noise)}" if noise > 0 else "–",
                "": "exceeds seed noise" if exceeds else "",
            }
        )
    table(where, list(cells[0]), cells, keys=["Metrics"], left=[""])
    where.print()
    if all(len(runs) < 2 for runs in of_seeds.values()):
        say(
            where,
            "Nothing is known of the noise of seeds: "
            "there is no second run of either combo and model with another seed.",
        )
        return
    counts = " and ".join(f"{len(runs)} of {'/'.join(key[1:])}" for key, runs in of_seeds.items())
    say(
        where,
        "two seeds: how far two runs that differ in their seed alone lie apart in 95 of 100 "
        f"cases, by the sd over seeds of the runs here ({counts}).",
    )


def _print_images(where: "Console", a: ComparedRun, b: ComparedRun, output: str | None) -> None:
    where.print()
    if reason := _why_no_images(a, b):
        if output:
            raise StudyError(f"no images to write to {output}: {reason}")
        say(where, f"Images: nothing to compare, {reason}.")
        return
    index = read_index(a.results.labels)
    paths = dict.fromkeys(one.results.near_duplicates for one in (a, b))
    pairs = [read_duplicates(path) for path in paths if path.is_file()]
    compared = paired_answers(
        a.run.predictions(),
        b.run.predictions(),
        index.labels,
        np.concatenate(pairs) if pairs else None,
        index.groups,
    )
    judged = "that neither run trained or validated on, or on one nearly the same"
    if (n := len(compared.image_ids)) == 0:
        say(where, f"Images: there is none {judged}.")
        return
    right = compared.right.mean(axis=1)
    alone = index.groups is None
    test, units = ("McNemar's exact p", "images") if alone else ("t-test's p", "groups of images")
    say(
        where,
        f"Images {judged}: {n:,}. A has {right[0]:.1%} right, B {right[1]:.1%}. "
        f"Right to wrong {int(compared.lost.sum()):,}, wrong to right "
        f"{int(compared.won.sum()):,}: {test} {p_value(compared.p)}, over {units}, for "
        "these two trained models alone; it says nothing of other seeds.",
    )
    if output:
        changed = changed_images(compared, index.labels, index.classes, index.files)
        write_table(output, changed, "%.6f")
        say(where, f"{output}: the {len(changed):,} images that changed sides")


def _why_no_images(a: ComparedRun, b: ComparedRun) -> str | None:
    """Return why the answers of two runs cannot be compared image by image; None if they can."""
    has_predictions = [(one.run.folder / "predictions.npz").is_file() for one in (a, b)]
    if not all(has_predictions) or not a.results.index.is_file():
        return "not both runs have predictions and a table of images"
    digests = [images_digest(one.results) for one in (a, b)]
    if a.results.folder.resolve() != b.results.folder.resolve() and digests[0] != digests[1]:
        return "the two studies are not of the same images"
    n_images = len(read_index(a.results.index).labels)
    predictions = [one.run.predictions() for one in (a, b)]
    if any(len(one.roles) != n_images for one in predictions):
        return "the predictions are not of the images in data/index.csv"
    return "a training diverged" if any(one.diverged for one in predictions) else None
