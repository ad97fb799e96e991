"""Whether a trained run is what its study would train now."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from study.config.asked import asked_of_images
from study.config.imports import is_imported
from study.config.recipes import flat, merged, searches_rate, without
from study.files import file_digest, read_yaml, recorded
from study.runs.made_with import started
from study.runs.run import Run
from study.wording import counted


def why_outdated(
    run: Run,
    recipe: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> str:
    """Return why the next command would train a run again; "" if its files say no reason.

    Args:
        run: a trained one.
        recipe: that the configuration has for its model. Default: the one in results/recipes/.
        config: the whole configuration. Default: it is not asked whether it wants other images.
    """
    tree = run.tree
    path = tree.recipe(run.model)
    if recipe is None and path.is_file():
        recipe = read_yaml(path)
    if changes := recipe_changes(run.record, recipe) if recipe else []:
        rest = f" and {counted(len(changes) - 1, 'more key')}" if changes[1:] else ""
        return f"another recipe: {changes[0]}{rest}"
    for parent, digest in run.record.get("parents", {}).items():
        path = tree.folder / Path(*Path(parent).parts[1:])
        # Of a recipe what it says counts, and was compared.
        if path.parent != tree.recipe("").parent and path.is_file() and _digest_of(path) != digest:
            return f"{path} has changed since it was trained"
    return _why_other_data(run, config)


def _why_other_data(run: Run, config: Mapping[str, Any] | None) -> str:
    """Return what of a run's data has changed since it was trained; "" if the records say nothing.

    A run that is older than the record of the finished study is of that study. Other runs are of
    the last command.
    """
    tree = run.tree
    trained = (run.folder / "run.json").stat().st_mtime_ns
    finished = tree.study.is_file() and trained <= tree.study.stat().st_mtime_ns
    record = _record(tree.study if finished else started(tree))
    files, now = record.get("files", {}), _record(tree.data_manifest).get("sha256", {})
    for name, digest in now.items():
        before = files.get(f"results/data/{name}", digest)
        # Of the pixels an imported run reads nothing.
        if before != digest and not (
            name == tree.images.name and is_imported(run.record["recipe"])
        ):
            return f"{tree.folder / 'data' / name} has changed since it was trained"
    if not config or "config" not in record:
        return ""
    of_run = run.combo, run.seed
    made, asked = asked_of_images(record["config"], *of_run), asked_of_images(config, *of_run)
    changed = [key for key in made if key in asked and made[key] != asked[key]]
    return f"other data: {' and '.join(changed)} changed since it was trained" if changed else ""


def recipe_changes(record: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """Return what differs between the recipe of a trained run and another one, one text per key.

    What searches found for the run, and what jobs took of weights and images, is taken as found.

    Args:
        record: the run's run.json.
        recipe: resolved.
    """
    trained = record["recipe"]
    planned = merged(recipe, record.get("tuned") or {})
    elsewhere = {"weights", "features"} & planned.get("architecture", {}).keys()
    if elsewhere and "trained_weights" in trained:
        planned = {**planned, "trained_weights": trained["trained_weights"]}
        planned["architecture"] = without(planned["architecture"], "weights")
    # A probe and an imported model, which the run may be of, have neither.
    if isinstance(planned.get("normalize"), str) and "normalize" in trained:
        planned = {**planned, "normalize": trained["normalize"]}
    if searches_rate(planned) and "optimizer" in trained:
        planned = merged(planned, {"optimizer": {"lr": trained["optimizer"]["lr"]}})
    before, now = flat(trained), flat(planned)
    return [
        f"{key} {before.get(key, 'none')} → {now.get(key, 'none')}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]


def _record(path: Path) -> dict[str, Any]:
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> dict[str, Any]:
    """Return a record; all runs ask for the same ones, and that of a large study is large."""
    return recorded(path)


def _digest_of(path: Path) -> str:
    return _digest(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=10_000)
def _digest(path: Path, changed: int) -> str:
    """Return a file's digest; runs of a seed share their splits, and `study watch` looks again."""
    return file_digest(path)
