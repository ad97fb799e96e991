"""Which files of a study its record holds the digests of, and which it leaves out."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from study.config.imports import model_names
from study.data.names import OFFICIAL
from study.runs.run import Run
from study.runs.tree import ResultsTree

# What the folder of each run holds.
RUN_FILES = (
    "model.safetensors", "history.csv", "dynamics.npz", "run.json", "predictions.npz",
    "gradcam.npz", "metrics.json", "report.txt", "classification_report.json", "misclassified.csv",
)  # fmt: skip
# And where the configuration does not leave them out.
RUN_FIGURES = ("confusion_matrix.svg", "curves.svg", "misclassified.svg", "gradcam.svg")
_OF_EVERY_STUDY = (
    "runs.csv", "summary.csv", "summary_by_group.csv", "hard_examples.csv", "overview.rst",
    "hard_examples_top.csv", "comparisons/groups.csv", "comparisons/comparisons.csv",
    "data/images.npy", "data/index.csv", "data/manifest.json", "data/near_duplicates.csv",
)  # fmt: skip


def files_of_runs(runs: Iterable[Run], figures: bool) -> list[Path]:
    """Return the files of runs, with those of their figures or without."""
    names = (*RUN_FILES, *RUN_FIGURES) if figures else RUN_FILES
    return [run.folder / name for run in runs for name in names]


def files_of_every_study(tree: ResultsTree, config: Mapping[str, Any]) -> list[Path]:
    """Return the files that every study of a configuration has, beside those of its runs."""
    names = [partition["name"] for partition in config["partitions"]]
    split = [*names, *{OFFICIAL}.intersection(config["combos"])]
    files = [tree / name for name in _OF_EVERY_STUDY]
    files += [tree.corrected, tree.corrections] if config["dataset"].get("corrections") else []
    files += [path(name) for name in names for path in (tree.partition, tree.partition_record)]
    for seed in config["seeds"]:
        files.append(tree.common_test(seed))
        for path in (tree.split(name, seed) for name in split):
            files += [path, path.with_suffix(".development.csv")]
    return files + [tree.recipe(model) for model in model_names(config)]


def in_results(name: str) -> str:
    """Return the path below the folder of results of a name in the record, "" if it lies outside.

    A record may be somebody else's.
    """
    top, _, rest = name.partition("/")
    inside = top == "results" and rest and not Path(rest).is_absolute()
    return rest if inside and ".." not in Path(rest).parts else ""


def not_covered(results: Path, recorded: Collection[str]) -> Counter[str]:
    """Count the files in results that the record says nothing of.

    Args:
        results: folder of results.
        recorded: paths of the record, such as "results/summary.csv".

    Returns:
        How many by the folder that they lie in; all logs together, and all of `scratch`.
    """
    known = {in_results(name) for name in recorded} | {"study.json"}
    counts: Counter[str] = Counter()
    for folder, _, files in os.walk(results):
        place = Path(folder).relative_to(results)
        top = place.parts[0] if place.parts else ""
        if top != "reference":  # the project's own
            n = sum((place / name).as_posix() not in known for name in files)
            counts[f"{top if top in ('logs', 'scratch') else place}/"] += n
    return +counts
