"""Print in what two groups of a study differ: all seeds of one combo and model, and of another."""

from pathlib import Path

from study.cli.diff_cells import p_value, signed
from study.cli.terminal import console, say, table
from study.comparison.pairs import intervals_are_for
from study.errors import StudyError
from study.files import read_table, write_table
from study.runs.tree import ResultsTree

_COLUMNS = ["measure", "B - A", "95 % interval", "p, adjusted", "verdict"]
_WRITTEN = ["measure", "a", "b", "difference", "low", "high", "p_holm", "verdict"]


def group_of_name(name: str, results: Path) -> tuple[str, str] | None:
    """Return the combo and the model that combo/model names; None if it is no such name."""
    parts = tuple(name.split("/"))
    if Path(name).exists() or len(parts) != 2 or not ResultsTree(results).list_of_runs.is_file():
        return None
    runs = read_table(ResultsTree(results).list_of_runs)
    return parts if ((runs["combo"] == parts[0]) & (runs["model"] == parts[1])).any() else None


def compare_groups(
    results: Path, a: tuple[str, str], b: tuple[str, str], *, output: str | None = None
) -> None:
    """Print the differences B - A that the study computed, measure by measure.

    Args:
        results: folder of results.
        a: a combo and a model.
        b: others.
        output: table of these differences to write, .csv.

    Raises:
        StudyError: the groups differ in combo and model, or the study has not compared them.
    """
    places = [place for place in (0, 1) if a[place] != b[place]]
    if len(places) != 1:
        raise StudyError(
            f"{'/'.join(a)} and {'/'.join(b)}: name two combos of one model, or two models on one "
            "combo; the study compares no others"
        )
    place = places[0]
    compared, names, within = ("combos", "models")[place], (a[place], b[place]), a[1 - place]
    path = ResultsTree(results).comparison("comparisons")
    if not path.is_file():
        raise StudyError(f"{path} is not there yet; `snakemake {path}` makes it")
    pairs = read_table(path)
    if "holds_for" not in pairs:
        raise StudyError(
            f"{path} was made by an earlier version, without the column holds_for; "
            f"`snakemake {path}` makes it again"
        )
    pairs = pairs[(pairs["compared"] == compared) & (pairs["within"] == within)]
    pairs = pairs[pairs["a"].isin(names) & pairs["b"].isin(names)].copy()
    if pairs.empty:
        raise StudyError(f"{path} does not compare {names[0]} and {names[1]} of {within}")
    about = intervals_are_for(zip(pairs["measure"], pairs["holds_for"], strict=True))
    other_way = pairs["a"] == names[1]
    turned = -pairs.loc[other_way, ["difference", "high", "low"]].to_numpy()
    pairs.loc[other_way, ["difference", "low", "high"]] = turned
    pairs = pairs.assign(a="/".join(a), b="/".join(b))
    rows = []
    for row in pairs.itertuples():
        cells = (
            row.measure, signed(row.difference), f"{signed(row.low)} to {signed(row.high)}",
            p_value(row.p_holm), row.verdict,
        )  # fmt: skip
        rows.append(dict(zip(_COLUMNS, cells, strict=True)))
    where = console()
    say(where, f"A: {'/'.join(a)}, B: {'/'.join(b)}, all seeds that both have. {about}")
    table(where, _COLUMNS, rows, keys=["measure"], left=["measure", "verdict"])
    if output:
        write_table(output, pairs[_WRITTEN], "%.6g")
