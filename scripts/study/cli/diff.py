"""Say in what two runs, or two studies, differ, and what of it exceeds the noise of seeds.

A run is combo/model/seed, such as v1/cnn2/42, or the path of its folder. A study is the path of a project or of its folder of results.
Differences are B less A.
"""

import argparse
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from study.cli.project import insist_on_project, results_option
from study.cli.terminal import console, exact, say, shown, table
from study.errors import StudyError
from study.files import read_json
from study.runs.legacy import run_folder
from study.runs.table import KEYS, RECIPE, flat, run_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

_MEASURES = [
    "common_test_accuracy", "test_accuracy", "out_of_sample_accuracy", "train_accuracy", "val_accuracy", "macro_f1", "nll", "brier",
    "ece", "epochs", "train_seconds", "peak_memory_mb",
]  # fmt: skip
# Of run.json, what a run was trained by, on and with. Paths of its parents differ from run to run, so only what they have in common is compared.
_RECORDED = {
    "Recipe": ("recipe",),
    "Data": ("n_train", "n_val", "classes", "image_shape", "images", "parents"),
    "Made with": (
        "code",
        "repository",
        "initial_weights",
        "device",
        "precision",
        "threads",
        "versions",
        "machine",
    ),
}


class _Run(NamedTuple):
    """A run that is compared, with what else is known of its study; `runs` is None where that is nothing."""

    name: str
    key: tuple[str, str, int] | None
    folder: Path
    results: Path
    runs: "pd.DataFrame | None"

    @property
    def seeds(self) -> "pd.DataFrame | None":
        """The runs of its combo and model that did not diverge, over seeds."""
        if self.runs is None or self.key is None:
            return None
        own = (self.runs["combo"] == self.key[0]) & (self.runs["model"] == self.key[1])
        return self.runs[own & (self.runs["status"] == "ok")]


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    results_option(parser)
    parser.add_argument("a", metavar="A", help="a run or a study")
    parser.add_argument("b", metavar="B", help="another one")
    parser.add_argument(
        "--csv",
        metavar="FILE",
        help="of two runs: write the images that changed sides; of two studies: their groups",
    )
    parser.add_argument(
        "--all", action="store_true", help="of two runs: compare every number of the summary"
    )
    parser.add_argument(
        "--measure",
        default="common_test_accuracy",
        help="of two studies: what is compared (default: %(default)s)",
    )


def answer(arguments: argparse.Namespace) -> None:
    """Print what differs."""
    results = Path(arguments.results or "results")
    if not arguments.results and any(_is_name(name) for name in (arguments.a, arguments.b)):
        insist_on_project()
    found = [_found(name, results) for name in (arguments.a, arguments.b)]
    if isinstance(found[0], _Run) != isinstance(found[1], _Run):
        raise StudyError(
            f"{arguments.a} and {arguments.b} are a run and a study; name two runs or two studies"
        )
    (_compare_runs if isinstance(found[0], _Run) else _compare_studies)(*found, arguments)


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[^/]+/[^/]+/\d+", name) is not None and not Path(name).exists()


def _found(name: str, results: Path) -> "_Run | Path":
    """Return the run, or the study's folder of results, that is meant."""
    if _is_name(name):
        combo, model, seed = name.split("/")
        return _run(name, run_folder(results / "runs", combo, model, int(seed)))
    path = Path(name)
    if (path / "run.json").is_file():
        return _run(name, path)
    for folder in (path / "results", path):
        if (folder / "summary.csv").is_file() or (folder / "runs.csv").is_file():
            return folder
    raise StudyError(
        f"{name} is no run (combo/model/seed, or a folder with run.json) and no study (a folder with results/summary.csv or summary.csv)"
    )


def _run(name: str, folder: Path) -> _Run:
    if not (folder / "run.json").is_file():
        raise StudyError(
            f"{name} is not trained: there is no {folder}/run.json; `study show` lists the runs and their status"
        )
    combo, model, seed = folder.resolve().parts[-3:]
    key = (combo, model, int(seed.removeprefix("seed"))) if re.fullmatch(r"seed\d+", seed) else None
    # <results>/runs/<combo>/<model>/seed<seed>, or of a run that was trained once more <results>/certify/…
    results = folder.parents[3] if len(folder.parents) > 3 else folder.resolve().parents[3]
    known = key is not None and any(
        (results / file).is_file() for file in ("runs.csv", "summary.csv")
    )
    return _Run(name, key, folder, results, run_table(results) if known else None)


def _compare_runs(a: _Run, b: _Run, arguments: argparse.Namespace) -> None:
    where = console()
    records = [read_json(run.folder / "run.json") for run in (a, b)]
    for letter, run, record in zip("AB", (a, b), records, strict=True):
        say(
            where,
            f"{letter}  {run.name}  {record['status']}, trained {record['started'][:16].replace('T', ' ')}",
        )
    weights = [_weights(record) for record in records]
    if weights[0] is not None and weights[0] == weights[1]:
        where.print()
        say(
            where,
            f"The same run: its weights are the same, bit for bit (sha256 {_short(weights[0])}).",
        )
    same, unknown = (
        [],
        [
            key
            for keys in _RECORDED.values()
            for key in keys
            if (key in records[0]) != (key in records[1])
        ],
    )
    for title, keys in _RECORDED.items():
        rows = _recorded_differences(
            *({key: record.get(key) for key in keys if key not in unknown} for record in records)
        )
        if rows:
            _two_columns(where, title, rows)
        else:
            same.append(title.lower())
    if same:
        where.print()
        say(where, f"No difference: {', '.join(same)}.")
    if unknown:
        where.print()
        say(
            where,
            f"Recorded of one run alone, by another version of the project: {', '.join(unknown)}.",
        )
    _print_metrics(where, a, b, arguments.all)
    _print_sides(where, a, b, arguments.csv)


def _recorded_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    from study.comparison.two_runs import differing

    a, b = ({key: value for key, value in side.items() if value is not None} for side in (a, b))
    for side in (a, b):
        if "parents" in side:
            side["parents"] = {
                _without_run(path): digest for path, digest in side["parents"].items()
            }
    if "parents" in a and "parents" in b:
        shared = a["parents"].keys() & b["parents"].keys()
        a["parents"], b["parents"] = (
            {path: side["parents"][path] for path in sorted(shared)} for side in (a, b)
        )
    return [
        (key.removeprefix("recipe."), *(_short(value) for value in values))
        for key, *values in differing(a, b)
    ]


def _without_run(path: str) -> str:
    """Return a path without the name of the model, which tells recipes apart already."""
    return "recipe" if path.startswith("results/recipes/") else path.removeprefix("results/")


def _short(value: Any) -> str:
    text = ", ".join(map(exact, value)) if isinstance(value, list) else exact(value)
    return f"{text[:8]}…" if re.fullmatch(r"[0-9a-f]{16,}", text) else text


def _two_columns(where: "Console", title: str, rows: Iterable[tuple[str, str, str]]) -> None:
    where.print()
    cells = [dict(zip((title, "A", "B"), row, strict=True)) for row in rows]
    table(where, [title, "A", "B"], cells, keys=[title], left=["A", "B"], fold=True)


def _print_metrics(where: "Console", a: _Run, b: _Run, everything: bool) -> None:
    import pandas as pd

    from study.comparison.two_runs import seed_noise
    from study.runs.summary import RESOURCES, run_row

    if not all((run.folder / "metrics.json").is_file() for run in (a, b)):
        where.print()
        say(where, "Metrics and images: nothing to compare, not both runs are measured.")
        return
    rows = [run_row(run.folder) for run in (a, b)]
    numbers = [
        name
        for name, value in rows[0].items()
        if isinstance(value, int | float) and isinstance(rows[1].get(name), int | float)
    ]
    of_seeds = {
        (run.results.resolve(), run.key[:2]): run.seeds for run in (a, b) if run.seeds is not None
    }
    cells = []
    for name in numbers if everything else [name for name in _MEASURES if name in numbers]:
        one, other = (row[name] for row in rows)
        groups = [
            pd.to_numeric(seeds[name]).to_list() for seeds in of_seeds.values() if name in seeds
        ]
        noise = math.nan if name in RESOURCES else seed_noise(groups)
        exceeds = noise > 0 and abs(other - one) > noise
        cells.append(
            {"Metrics": name, "A": _number(one), "B": _number(other), "B - A": _signed(other - one)}
            | {
                "two seeds": f"± {_number(noise)}" if noise > 0 else "–",
                "": "exceeds seed noise" if exceeds else "",
            }
        )
    where.print()
    table(where, list(cells[0]), cells, keys=["Metrics"], left=[""])
    where.print()
    counts = " and ".join(
        f"{len(seeds)} of {'/'.join(key)}" for (_, key), seeds in of_seeds.items()
    )
    if all(len(seeds) < 2 for seeds in of_seeds.values()):
        say(
            where,
            "Nothing is known of the noise of seeds: no second run of either combo and model, with another seed, is there.",
        )
    else:
        say(
            where,
            f"two seeds: how far two runs that differ in their seed alone lie apart in 95 of 100 cases, by the sd over seeds of the runs here ({counts}).",
        )


def _number(value: float) -> str:
    return shown(value, decimals=4)


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{_number(abs(value))}"


def _print_sides(where: "Console", a: _Run, b: _Run, output: str | None) -> None:
    import numpy as np

    from study.comparison.two_runs import changed_images, paired_answers
    from study.data.index import read_index
    from study.data.near_duplicates import read_duplicates
    from study.report.tables import write_table
    from study.runs.predictions import load_predictions

    where.print()
    index_file = a.results / "data" / "index.csv"
    why = None
    if (
        not all((run.folder / "predictions.npz").is_file() for run in (a, b))
        or not index_file.is_file()
    ):
        why = "not both runs have predictions and a table of images"
    elif a.results.resolve() != b.results.resolve() and _images_digest(a.results) != _images_digest(
        b.results
    ):
        why = "the two studies are not of the same images"
    if why is None:
        index, predictions = (
            read_index(index_file),
            [load_predictions(run.folder / "predictions.npz") for run in (a, b)],
        )
        if any(len(one.roles) != len(index.labels) for one in predictions):
            why = "the predictions are not of the images in data/index.csv"
        elif any(one.diverged for one in predictions):
            why = "a training diverged"
    if why is not None:
        if output:
            raise StudyError(f"no images to write to {output}: {why}")
        say(where, f"Images: nothing to compare, {why}.")
        return
    twins = [run.results / "data" / "near_duplicates.csv" for run in (a, b)]
    pairs = [read_duplicates(path) for path in dict.fromkeys(twins) if path.is_file()]
    compared = paired_answers(*predictions, index.labels, np.concatenate(pairs) if pairs else None)
    n = len(compared.image_ids)
    if n == 0:
        say(
            where,
            "Images: there is none that neither run trained or validated on, or on one nearly the same.",
        )
        return
    right = compared.right.mean(axis=1)
    say(
        where,
        f"Images that neither run trained or validated on, or on one nearly the same: {n:,}. A has {right[0]:.1%} right, B {right[1]:.1%}. "
        f"Right to wrong {int(compared.lost.sum()):,}, wrong to right {int(compared.won.sum()):,}: McNemar's exact p {_p(compared.p)}, over images, for these two "
        "trained models alone; it says nothing of other seeds.",
    )
    if output:
        changed = changed_images(compared, index.labels, index.classes, index.files)
        write_table(output, changed, "%.6f")
        say(where, f"{output}: the {len(changed):,} images that changed sides")


def _p(p: float) -> str:
    return "below 1e-300" if p == 0 else f"{p:.2g}"


def _images_digest(results: Path) -> str | None:
    manifest = results / "data" / "manifest.json"
    return read_json(manifest)["sha256"]["images.npy"] if manifest.is_file() else None


def _compare_studies(a: Path, b: Path, arguments: argparse.Namespace) -> None:
    from study.comparison.two_runs import differing, groups_of_studies
    from study.report.tables import write_table
    from study.runs.summary import RESOURCES

    where = console()
    tables = [run_table(results) for results in (a, b)]
    for letter, results, runs in zip("AB", (a, b), tables, strict=True):
        measured = int(runs["status"].isin(["ok", "diverged"]).sum())
        say(
            where,
            f"{letter}  {results}  {len(runs)} runs"
            + (f", {measured} of them measured" if measured < len(runs) else ""),
        )
    records = [_records(results, runs) for results, runs in zip((a, b), tables, strict=True)]
    facts = [_facts(*side) for side in zip((a, b), tables, records, strict=True)]
    shared = set(tables[0]["model"]) & set(tables[1]["model"])
    for title in facts[0]:
        one, other = (side[title] for side in facts)
        if title == "Recipes":
            one, other = (
                {model: side[model] for model in sorted(shared & side.keys())}
                for side in (one, other)
            )
        rows = [
            (key, _short(before), _short(after)) for key, before, after in differing(one, other)
        ]
        if rows:
            _two_columns(where, title, rows)
    measured = []
    for runs in tables:
        if arguments.measure not in runs:
            raise StudyError(
                f"there is no measure {arguments.measure!r}; `study show --columns all --csv` has all of them"
            )
        runs = runs[runs["status"] == "ok"]
        if arguments.measure == "common_test_accuracy":  # the combo official has its own test only
            runs = runs.assign(
                common_test_accuracy=runs["common_test_accuracy"].fillna(runs["test_accuracy"])
            )
        # As summary.csv has it, where a study is read from its runs because it has none.
        measured.append(runs.round({arguments.measure: 6}))
    shared = [key for key in records[0] if key in records[1]]
    same = {
        key for key in shared if _weights(records[0][key]) == _weights(records[1][key]) is not None
    }
    groups = groups_of_studies(*measured, arguments.measure, same)
    digests = {_images_digest(results) for results in (a, b)} - {None}
    unknown = None
    if len(digests) > 1:
        unknown = "The studies are of different images, so their seeds do not pair and there are no intervals."
    elif arguments.measure in RESOURCES:
        unknown = "That depends on the machine and what else it did, not on seeds, so there are no intervals."
    if unknown:
        groups[["low", "high", "p_holm"]] = math.nan
        groups.loc[groups["verdict"] != "same runs", "verdict"] = "undecided"
    _print_same(where, same, shared)
    where.print()
    if groups.empty:
        say(where, "No combo and model has runs with the same seed in both studies.")
    else:
        _print_groups(
            where, groups, f"{arguments.measure}, mean over the n seeds that both have", unknown
        )
    for letter, own, others in (("A", *tables), ("B", *tables[::-1])):
        known = set(others[KEYS].itertuples(index=False, name=None))
        only = [
            "/".join(map(str, key))
            for key in own[KEYS].itertuples(index=False, name=None)
            if key not in known
        ]
        if only:
            where.print()
            say(
                where,
                f"Only in {letter}: {', '.join(only[:12])}"
                + (f" and {len(only) - 12} more" if len(only) > 12 else ""),
            )
    if arguments.csv:
        write_table(arguments.csv, groups, "%.6g")


def _print_same(
    where: "Console", same: Collection[tuple[str, str, int]], shared: Sequence[tuple[str, str, int]]
) -> None:
    """Say which of the runs that both studies have are the same."""
    if not same:
        return
    where.print()
    if len(same) == len(shared):
        every = "The run" if len(shared) == 1 else f"All {len(shared)} runs"
        say(where, f"{every} that both have: the same, bit for bit, by the sha256 of the weights.")
        return
    others = ["/".join(map(str, key)) for key in shared if key not in same]
    more = f" and {len(others) - 12} more" if len(others) > 12 else ""
    say(
        where,
        f"{len(same)} of the {len(shared)} runs that both have are the same, bit for bit, by the sha256 of the weights; not {', '.join(others[:12])}{more}.",
    )


def _print_groups(
    where: "Console", groups: "pd.DataFrame", measured: str, unknown: str | None
) -> None:
    """Print the groups; `unknown` says why there are no intervals, where that is for another reason than too few seeds."""
    cells = []
    for row in groups.itertuples():
        known = not math.isnan(row.low)
        cells.append(
            {
                "combo": row.combo,
                "model": row.model,
                "n": str(row.n_seeds),
                "A": _number(row.mean_a),
                "B": _number(row.mean_b),
            }
            | {
                "B - A": _signed(row.difference),
                "95 %": f"± {_number(row.high - row.difference)}" if known else "–",
            }
            | {
                "p_holm": _p(row.p_holm) if known else "–",
                "": row.verdict.replace("a ", "A ").replace("b ", "B ")
                if known or row.n_same == row.n_seeds
                else "",
            }
        )
    table(where, list(cells[0]), cells, keys=["combo", "model"], left=[""])
    where.print()
    if (groups["n_same"] == groups["n_seeds"]).all():
        say(where, f"{measured}.")
    elif unknown:
        say(where, f"{measured}. {unknown}")
    elif all(cell["p_holm"] == "–" for cell in cells):
        say(where, f"{measured}. Too few seeds to know their noise, so there are no intervals.")
    else:
        say(
            where,
            f"{measured}; 95 % intervals by Student's t over seeds with the noise of all combos of the model in both studies, p adjusted by Holm.",
        )


def _records(results: Path, runs: "pd.DataFrame") -> dict[tuple[str, str, int], dict[str, Any]]:
    """Return the content of run.json of each run that has one."""
    return {
        key: read_json(path)
        for key in runs[KEYS].itertuples(index=False, name=None)
        if (path := run_folder(results / "runs", *key) / "run.json").is_file()
    }


def _weights(record: Mapping[str, Any]) -> str | None:
    """Return the digest of a run's weights; None if it was not recorded."""
    return record.get("sha256", {}).get("weights")


def _facts(
    results: Path, runs: "pd.DataFrame", of_runs: Mapping[tuple[str, str, int], Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what a study was made of: of what its runs do not agree in, all values."""
    records = list(of_runs.values())
    partitions = {
        path.stem: read_json(path.with_suffix(".json"))
        for path in sorted((results / "partitions").glob("*.csv"))
        if path.with_suffix(".json").is_file()
    }
    study = {
        name: ", ".join(map(str, dict.fromkeys(runs[column])))
        for name, column in (("combos", "combo"), ("models", "model"), ("seeds", "seed"))
    }
    seed = next((part["seed"] for part in partitions.values()), None)
    data = {"images": _images_digest(results), "partition_seed": seed}
    data |= {f"{name}.size": part["size"] for name, part in partitions.items()}
    recipes = {}
    for model, own in runs.groupby("model", sort=False):
        keys = [name for name in own if name.startswith(RECIPE) and own[name].notna().any()]
        recipes[model] = {key.removeprefix(RECIPE): _agreed(own[key]) for key in keys}
    made = {
        key: _agreed(record.get(key) for record in records)
        for key in ("code", "device", "precision", "threads")
    }
    versions = [flat(record["versions"]) for record in records]
    made |= {
        name: _agreed(one.get(name) for one in versions)
        for name in dict.fromkeys(name for one in versions for name in one)
    }
    made["cpu"] = _agreed(record["machine"]["cpu"] for record in records)
    known = (
        {key: value for key, value in part.items() if value is not None}
        for part in (study, data, made)
    )
    return dict(zip(("Study", "Data", "Made with"), known, strict=True)) | {"Recipes": recipes}


def _agreed(values: Iterable[Any]) -> str | None:
    different = list(dict.fromkeys(_short(value) for value in values if value is not None))
    return ", ".join(different) or None
