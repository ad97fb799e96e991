"""Print in what two studies differ: how they were made, and their means by combo and model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from pandas.api.types import is_numeric_dtype

from study.cli.diff_cells import (
    images_digest,
    in_two_columns,
    number,
    p_value,
    short,
    signed,
    weights_digest,
)
from study.cli.diff_cleaning import print_cleaning
from study.cli.terminal import console, say, table
from study.comparison.two_runs import DECIMALS, differing, groups_of_studies
from study.config.recipes import flat
from study.errors import StudyError
from study.files import read_json, write_table
from study.runs.chance import MEASURED
from study.runs.run import Run, run_of
from study.runs.summary import RESOURCES
from study.runs.table import KEYS, RECIPE, run_table
from study.runs.tree import ResultsTree

if TYPE_CHECKING:
    from rich.console import Console

# As many names are listed; the others are counted.
_LISTED = 12


class ComparedStudy(NamedTuple):
    """A study: its results, the table of its runs, and the runs whose run.json is there."""

    results: ResultsTree
    table: pd.DataFrame
    trained: list[Run]

    @classmethod
    def read(cls, results: Path) -> "ComparedStudy":
        """Return the study whose results lie in a folder."""
        runs = run_table(results)
        all_runs = [run_of(results, *key) for key in runs[KEYS].itertuples(index=False, name=None)]
        trained = [run for run in all_runs if (run.folder / "run.json").is_file()]
        return cls(ResultsTree(results), runs, trained)

    @property
    def names(self) -> list[str]:
        """The names of all its runs, such as "v1/cnn2/42"."""
        keys = self.table[KEYS].itertuples(index=False, name=None)
        return ["/".join(map(str, key)) for key in keys]


def compare_studies(a: Path, b: Path, *, measure: str, output: str | None) -> None:
    """Print what differs between two studies.

    Args:
        a: folder of results.
        b: another one.
        measure: a column of numbers that is compared.
        output: table of combos and models to write, .csv.
    """
    where = console()
    studies = [ComparedStudy.read(results) for results in (a, b)]
    for letter, one in zip("AB", studies, strict=True):
        measured = int(one.table["status"].isin([*MEASURED, "diverged"]).sum())
        outdated = int((one.table["status"] == "outdated").sum())
        not_all = f", {measured} of them measured" if measured < len(one.table) else ""
        not_all += f", {outdated} outdated" if outdated else ""
        say(where, f"{letter}  {one.results.folder}  {len(one.table)} runs{not_all}")
    _print_facts(where, *studies)
    shared, same = _same_runs(*studies)
    groups, unknown = _groups(*studies, measure, same)
    groups = print_cleaning(where, *studies, groups)
    _print_same(where, same, shared)
    where.print()
    if groups.empty:
        say(where, "No combo and model has runs with the same seed in both studies.")
    else:
        what = f"{measure}, mean over the n seeds that both have"
        _print_groups(where, groups, what, unknown)
    for letter, one, other in zip("AB", studies, studies[::-1], strict=True):
        only = [name for name in one.names if name not in set(other.names)]
        if only:
            where.print()
            say(where, f"Only in {letter}: {_listed(only)}")
    if output:
        write_table(output, groups, "%.6g")


def _print_facts(where: "Console", a: ComparedStudy, b: ComparedStudy) -> None:
    facts = [_facts(one) for one in (a, b)]
    shared = sorted(set(a.table["model"]) & set(b.table["model"]))
    for one in facts:
        one["Recipes"] = {model: one["Recipes"][model] for model in shared}
    for title in facts[0]:
        differences = differing(*(one[title] for one in facts))
        rows = [(key, short(before), short(after)) for key, before, after in differences]
        if rows:
            in_two_columns(where, title, rows)


def _facts(study: ComparedStudy) -> dict[str, dict[str, Any]]:
    """Return what a study was made of: of what its runs do not agree in, all values."""
    runs, records = study.table, [run.record for run in study.trained]
    partitions = {
        path.stem: read_json(path.with_suffix(".json"))
        for path in sorted((study.results / "partitions").glob("*.csv"))
        if path.with_suffix(".json").is_file()
    }
    seed = next((part["seed"] for part in partitions.values()), None)
    asked = {f"{key}s": ", ".join(map(str, dict.fromkeys(runs[key]))) for key in KEYS}
    data = {"images": images_digest(study.results), "partition_seed": seed}
    data |= {f"{name}.size": part["size"] for name, part in partitions.items()}
    recipes = {}
    for model, rows in runs.groupby("model", sort=False):
        keys = [name for name in rows if name.startswith(RECIPE) and rows[name].notna().any()]
        recipes[model] = {key.removeprefix(RECIPE): _agreed(rows[key]) for key in keys}
    keys = ("code", "device", "precision", "threads")
    made = {key: _agreed(record.get(key) for record in records) for key in keys}
    versions = [flat(record["versions"]) for record in records]
    libraries = dict.fromkeys(name for one in versions for name in one)
    made |= {name: _agreed(one.get(name) for one in versions) for name in libraries}
    made["cpu"] = _agreed(record["machine"]["cpu"] for record in records)
    facts = {"Study": asked, "Data": data, "Made with": made}
    return {title: _known(part) for title, part in facts.items()} | {"Recipes": recipes}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _agreed(values: Iterable[Any]) -> str | None:
    different = list(dict.fromkeys(short(value) for value in values if value is not None))
    return ", ".join(different) or None


def _same_runs(a: ComparedStudy, b: ComparedStudy) -> tuple[list[Run], list[Run]]:
    """Return the runs of A that B has too, and those of them that have the same weights."""
    others = {run.key: run.record for run in b.trained}
    shared = [run for run in a.trained if run.key in others]
    same = [
        run
        for run in shared
        if weights_digest(run.record) is not None
        and weights_digest(run.record) == weights_digest(others[run.key])
    ]
    return shared, same


def _groups(
    a: ComparedStudy, b: ComparedStudy, measure: str, same: Sequence[Run]
) -> tuple[pd.DataFrame, str | None]:
    """Return the combos and models of both, and why there are no intervals, if so."""
    tables = []
    for runs in (a.table, b.table):
        known = [name for name in runs if name != "seed" and is_numeric_dtype(runs[name])]
        if measure not in known:
            names = ", ".join(name for name in known if not name.startswith(RECIPE))
            raise StudyError(
                f"--measure {measure} is no column of numbers; expected one of {names}"
            )
        runs = runs[runs["status"].isin(MEASURED)]
        if measure == "common_test_accuracy":  # the combo official has its own test only
            accuracy = runs["common_test_accuracy"].fillna(runs["test_accuracy"])
            runs = runs.assign(common_test_accuracy=accuracy)
        # As summary.csv has it, where a study is read from its runs because it has none.
        tables.append(runs.round({measure: DECIMALS}))
    groups = groups_of_studies(*tables, measure, {run.key for run in same})
    unknown = None
    if len({images_digest(one.results) for one in (a, b)} - {None}) > 1:
        unknown = (
            "The studies are of different images, so their seeds do not pair and there are no "
            "intervals."
        )
    elif measure in RESOURCES:
        unknown = (
            "That depends on the machine and what else it did, not on seeds, so there are no "
            "intervals."
        )
    if unknown:
        groups[["low", "high", "p_holm"]] = math.nan
        groups.loc[groups["verdict"] != "same runs", "verdict"] = "undecided"
    return groups, unknown


def _print_same(where: "Console", same: Sequence[Run], shared: Sequence[Run]) -> None:
    """Say which of the runs that both studies have are the same."""
    if not same:
        return
    where.print()
    if len(same) == len(shared):
        every = "The run" if len(shared) == 1 else f"All {len(shared)} runs"
        say(where, f"{every} that both have: the same, bit for bit, by the sha256 of the weights.")
        return
    others = [run.name for run in shared if run not in same]
    say(
        where,
        f"{len(same)} of the {len(shared)} runs that both have are the same, bit for bit, "
        f"by the sha256 of the weights; not {_listed(others)}.",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _print_groups(
    where: "Console", groups: pd.DataFrame, measured: str, unknown: str | None
) -> None:
    """Print the groups; `unknown` says why there are no intervals, if not for too few seeds."""
    cells = []
    for row in groups.itertuples():
        known = not math.isnan(row.low)
        verdict = row.verdict.replace("a ", "A ").replace("b ", "B ")
        cells.append(
            {
                "combo": row.combo,
                "model": row.model,
                "n": str(row.n_seeds),
                "A": number(row.mean_a),
                "B": number(row.mean_b),
                "B - A": signed(row.difference),
                "95 %": f"± {number(row.high - row.difference)}" if known else "–",
                "p_holm": p_value(row.p_holm) if known else "–",
                "": verdict if known or row.n_same == row.n_seeds else "",
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
            f"{measured}; 95 % intervals by Student's t over seeds, p adjusted by Holm. Where the "
            "runs of fewer than five seeds differ, the noise is that of all combos of about this "
            "size.",
        )
