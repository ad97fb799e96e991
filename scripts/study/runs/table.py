"""All that is known of each run of a study, finished or not, as one table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.config.recipes import flat
from study.errors import StudyError
from study.files import read_table, read_yaml
from study.runs.progress import state_of_run
from study.runs.run import Run, read_runs, run_of
from study.runs.tree import ResultsTree

if TYPE_CHECKING:  # who names a column wrong is told so without waiting for pandas
    import pandas as pd

KEYS = ["combo", "model", "seed"]
# What the names of a recipe's columns begin with.
RECIPE = "recipe."


def run_table(
    results: Path,
    runs: Iterable[Run] = (),
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
) -> "pd.DataFrame":
    """Return one row per run, whatever became of it.

    Args:
        results: folder of results. Runs that were measured after its summary.csv was written, or
            without one, are read from their own folders.
        runs: that the study asks for. Default: those in runs.csv or summary.csv.
        recipes: that it has for its models. Default: those in results/recipes/.
        config: of the study, see `state_of_run`.

    Returns:
        combo, model, seed, `status`, `reason` (see `state_of_run`), the columns of the summary,
        and `recipe.<key>`: what a run was, or is to be, trained by.

    Raises:
        StudyError: there are no runs, or summary.csv lacks their names.
    """
    import pandas as pd

    tree = ResultsTree(results)
    path = tree / "summary.csv"
    summary, since = pd.DataFrame(columns=KEYS), 0.0
    if path.is_file():
        summary = _summary(path)
        since = path.stat().st_mtime
    summarized = {tuple(row[key] for key in KEYS): row for row in summary.to_dict("records")}
    asked = list(runs) or (read_runs(tree.list_of_runs) if tree.list_of_runs.is_file() else [])
    asked = asked or [run_of(results, *key) for key in summarized]
    if not asked:
        raise StudyError(
            f"{results} has no runs.csv and no summary.csv, so it holds no study; "
            "give its folder by --results"
        )
    planned = {run.model: _planned_recipe(tree, run.model) for run in asked}
    rows = []
    for run in asked:
        trained = (run.folder / "run.json").is_file()
        recipe = flat(run.record["recipe"], RECIPE) if trained else planned[run.model]
        state = state_of_run(results, run, (recipes or {}).get(run.model), config)
        measured = _measured(run, state, summarized.get(run.key), since)
        rows.append(run.named | measured | recipe)
    table = pd.DataFrame(rows)
    first = [*KEYS, "status", "reason"]
    recipe = sorted(name for name in table if name.startswith(RECIPE))
    return table[[*first, *(name for name in table if name not in [*first, *recipe]), *recipe]]


def _summary(path: Path) -> "pd.DataFrame":
    """Return the summary of a study, which somebody may have saved by a spreadsheet."""
    summary = read_table(path)
    if missing := [name for name in (*KEYS, "status") if name not in summary]:
        raise StudyError(
            f"{path}: there is no column {missing[0]!r}; expected {', '.join(KEYS)}, status and "
            "measures, with commas between them, as the study wrote it; put that file in place "
            "again, or make it again with snakemake"
        )
    return summary


def _measured(
    run: Run, state: tuple[str, str], summarized: Mapping[str, Any] | None, since: float
) -> dict[str, Any]:
    metrics = run.folder / "metrics.json"
    if summarized is not None and not metrics.is_file():
        return {"reason": ""} | summarized
    shown = dict(zip(("status", "reason"), state, strict=True))
    if summarized is not None and metrics.stat().st_mtime <= since:
        return summarized | shown
    if not metrics.is_file():
        return shown
    # Only for runs that the summary lacks: what it imports takes longer than all else here.
    from study.runs.summary import run_row

    return run_row(run) | shown


def _planned_recipe(tree: ResultsTree, model: str) -> dict[str, Any]:
    """Return what runs of a model are to be trained by; nothing before that is resolved."""
    path = tree.recipe(model)
    return flat(read_yaml(path), RECIPE) if path.is_file() else {}
