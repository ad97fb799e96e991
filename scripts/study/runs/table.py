"""All that is known of each run of a study, finished or not, as one table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from study.config.recipes import canonical
from study.errors import StudyError
from study.files import read_json, read_yaml
from study.runs.legacy import read_runs, run_folder
from study.runs.progress import state_of_run

KEYS = ["combo", "model", "seed"]
# Of a column that says what a run was trained by, before the key of the recipe.
RECIPE = "recipe."


def run_table(results: Path, runs: Iterable[tuple[str, str, int]] = ()) -> pd.DataFrame:
    """Return a row a run: combo, model, seed, status, reason, the columns of the summary, and of its recipe `recipe.<key>`.

    Args:
        results: folder of results; runs that were measured after its summary.csv was written, or without one, are read from their own
            folders.
        runs: that the study asks for; others are those in runs.csv and summary.csv.

    Raises:
        StudyError: there are no runs.
    """
    summary, since = pd.DataFrame(columns=KEYS), 0.0
    if (results / "summary.csv").is_file():
        summary = pd.read_csv(
            results / "summary.csv", dtype={"combo": str, "model": str, "seed": int}
        )
        since = (results / "summary.csv").stat().st_mtime
    listed = (
        read_runs(results / "runs.csv")
        if (results / "runs.csv").is_file()
        else pd.DataFrame(columns=KEYS)
    )
    asked = (
        list(runs)
        or list(listed[KEYS].itertuples(index=False, name=None))
        or list(summary[KEYS].itertuples(index=False, name=None))
    )
    if not asked:
        raise StudyError(
            f"{results} has no runs.csv and no summary.csv, so it holds no study; give its folder by --results"
        )
    summarized = {
        (row["combo"], row["model"], row["seed"]): row for row in summary.to_dict("records")
    }
    resolved: dict[str, dict[str, Any]] = {}
    rows = []
    for key in asked:
        row = dict(zip(KEYS, key, strict=True)) | _measured(
            results, key, summarized.get(key), since
        )
        rows.append(row | _recipe(results, key, resolved))
    table = pd.DataFrame(rows)
    first = [*KEYS, "status", "reason"]
    recipe = sorted(name for name in table if name.startswith(RECIPE))
    return table[[*first, *(name for name in table if name not in [*first, *recipe]), *recipe]]


def _measured(
    results: Path, key: tuple[str, str, int], summarized: Mapping[str, Any] | None, since: float
) -> dict[str, Any]:
    folder = run_folder(results / "runs", *key)
    own = folder / "metrics.json"
    if summarized is not None and (not own.is_file() or own.stat().st_mtime <= since):
        return {"reason": ""} | summarized
    status, reason = state_of_run(results, *key)
    if not own.is_file():
        return {"status": status, "reason": reason}
    # Only for runs that the summary does not have yet: what it imports takes longer than all else here.
    from study.runs.run import run_of
    from study.runs.summary import run_row

    return {"reason": reason} | run_row(run_of(results, *key))


def _recipe(
    results: Path, key: tuple[str, str, int], resolved: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return what a run was trained by or, before that, what it is to be trained by."""
    record, planned = (
        run_folder(results / "runs", *key) / "run.json",
        results / "recipes" / f"{key[1]}.yaml",
    )
    if record.is_file():
        return flat(read_json(record)["recipe"], RECIPE)
    if key[1] not in resolved:
        resolved[key[1]] = flat(read_yaml(planned), RECIPE) if planned.is_file() else {}
    return resolved[key[1]]


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one with dotted keys; lists as text."""
    result: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            result |= flat(inner, f"{prefix}{key}.")
        else:
            result[prefix + key] = canonical(inner) if isinstance(inner, list) else inner
    return result
