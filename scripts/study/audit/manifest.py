"""What a study was, in one record: configuration, code, data, runs, machines, times and energy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from study.runs.run import Run

# What a run's record says that belongs into the study's: the rest is in the run's own folder.
_OF_RUN = (
    "code",
    "device",
    "precision",
    "threads",
    "started",
    "finished",
    "train_seconds",
    "gpu_energy_joules",
)
# What may differ between the runs of a study, because it was made in several goes or on several
# machines.
_DIFFERING = ("repository", "versions", "machine")


def study_manifest(
    config: Mapping[str, Any],
    runs: Iterable[Run],
    files: Mapping[str, str],
    code: Mapping[str, str],
    repository: Mapping[str, Any],
    configfiles: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the record of a study.

    Args:
        config: the whole configuration.
        runs: of the study, measured.
        files: sha256 of the files that all runs share, by path relative to the project.
        code: digest of each entry script.
        repository: what is known of the copy of the project that writes this, see
            `study.audit.provenance.repository`.
        configfiles: what was given with --configfile.

    Returns:
        One row per run, with the positions in `repositories`, `versions` and `machines` of what it
        was made with. Then the totals, whose energy is None unless each run's was measured.
    """
    rows: list[dict[str, Any]] = []
    distinct: dict[str, list[Any]] = {key: [] for key in _DIFFERING}
    recipes: dict[str, Any] = {}
    for run in runs:
        record = run.record
        row = run.named | {"status": "diverged" if run.diverged else record["status"]}
        row |= {key: record.get(key) for key in _OF_RUN}
        row["sha256"] = {
            "weights": record["sha256"]["weights"],
            "predictions": run.metrics["sha256"]["predictions"],
        }
        for key in _DIFFERING:
            value = record.get(key)
            if value not in distinct[key]:
                distinct[key].append(value)
            row[key] = distinct[key].index(value)
        recipes.setdefault(run.model, []).append(record["recipe"])
        rows.append(row)
    return {
        "config": config,
        "configfiles": list(configfiles),
        # A model whose settings were tuned or whose rate was searched has another recipe in each
        # run.
        "recipes": {model: _common(found) for model, found in recipes.items()},
        "files": dict(files),
        "code": dict(code),
        "repository": dict(repository),
        "totals": _totals(rows),
        "repositories": distinct["repository"],
        "versions": distinct["versions"],
        "machines": distinct["machine"],
        "runs": rows,
    }


def _totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    energy = [row["gpu_energy_joules"] for row in rows]
    return {
        "runs": len(rows),
        "ok": sum(row["status"] == "ok" for row in rows),
        "started": min(row["started"] for row in rows),
        "finished": max(row["finished"] for row in rows),
        "train_seconds": sum(row["train_seconds"] or 0 for row in rows),
        "gpu_energy_joules": None if None in energy else sum(energy),
    }


def _common(recipes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the keys on which all recipes of a model agree; others are "differs by run"."""
    first = recipes[0]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    return {
        key: first[key]
        if all(recipe.get(key) == first.get(key) for recipe in recipes)
        else "differs by run"
        for key in keys
    }
