"""Whether what all runs of a study share is what its configuration and its images give."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from study.audit.checks import TOLERANCE, Check, held, looked_at, opened
from study.audit.expected import Expected
from study.config.asked import what_is_asked
from study.config.imports import model_names
from study.config.recipes import merged, searches_rate, without
from study.data.corrected import corrected
from study.data.corrections import read_corrections
from study.data.index import Index, read_image_ids, read_index
from study.data.names import OFFICIAL
from study.data.near_duplicates import distances_of_pairs
from study.data.partitions import partition_record
from study.data.splits import labels_of_split, read_split
from study.files import read_json, read_yaml, with_home
from study.runs.run import Run, read_runs
from study.runs.tree import ResultsTree

# What a recipe writes for a normalisation that is found in its training images or its weights.
_FOUND = ("data", "weights")


def other_configuration(
    record: Mapping[str, Any],
    asked: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return in what results are of another configuration than is asked about, or "".

    Args:
        record: of the study.
        asked: the configuration that is asked about.
        recipes: resolved ones of the models, as far as they are known.
    """
    found, wanted = what_is_asked(record["config"]), what_is_asked(asked)
    for key in wanted:
        if found.get(key) != wanted[key]:
            return f"{key} is {found.get(key)}, asked about is {wanted[key]}"
    for model in model_names(asked):
        # What a search adds to the recipes of its runs is no part of the configuration.
        if model not in recipes or model in asked["tune"]:
            continue
        mine, wanted = dict(record["recipes"][model]), _without_weights(recipes[model])
        mine.pop("trained_weights", None)
        if searches_rate(wanted):
            mine.pop("optimizer", None)  # a probe and an imported model have none
            del wanted["optimizer"]
        if wanted.get("normalize") in _FOUND:
            mine.pop("normalize", None)
            del wanted["normalize"]
        if different := [key for key in {**wanted, **mine} if mine.get(key) != wanted.get(key)]:
            key = different[0]
            return f"{model} has {key} {mine.get(key)}, asked about is {wanted.get(key)}"
    return ""


def data_checks(
    tree: ResultsTree, expected: Expected, images: Path, digest: Callable[[Path], str]
) -> Iterator[Check]:
    """Yield the checks of the images, their table and the list of runs."""
    manifest = opened(read_json, tree.data_manifest)
    for path in (tree.images, tree.index):
        problem = "is not what was decoded: its sha256 differs"
        recorded = _equal_to(manifest["sha256"].get(path.name), problem)
        yield looked_at("data are what was decoded", path, digest, recorded)
    pixels = opened(lambda path: np.load(path, mmap_mode="r"), images)
    fits = list(pixels.shape) == manifest["images"] and len(pixels) == len(expected.index.labels)
    problem = "" if fits else "is not of as many images as the array and their table"
    yield held("data are what was decoded", tree.data_manifest, problem)
    threshold = expected.config["near_duplicates"]["threshold"]

    def near(pairs: np.ndarray) -> str:
        distances = distances_of_pairs(pixels, *pairs.T).min(axis=1)
        n_far = int((distances > threshold + TOLERANCE).sum())
        return f"has {n_far} pairs that are further apart than {threshold:g}" if n_far else ""

    # Who adds pairs says which images play one part, and so which are tested.
    kind, path = "near-duplicates are near", tree.near_duplicates
    yield looked_at(kind, path, lambda _: expected.pairs, near)
    wanted = [run.name for run in expected.runs(tree.folder)]

    def listed(runs: list[Run]) -> str:
        names = [run.name for run in runs]
        if names == wanted:
            return ""
        return f"lists {', '.join(names)}, the configuration asks for {', '.join(wanted)}"

    yield looked_at("runs are those asked for", tree.list_of_runs, read_runs, listed)


def correction_checks(tree: ResultsTree, expected: Expected) -> Iterator[Check]:
    """Yield the checks of corrected labels and of images that are left out.

    What was applied is compared with the user's file where that is there.
    """

    def applied(path: Path) -> dict[str, np.ndarray]:
        return _changes(corrected(expected.given, read_corrections(path)))

    kind = "corrections are those asked for"
    asked = with_home(expected.config["dataset"]["corrections"])
    if asked.is_file():
        same = _equal_to(opened(applied, asked), f"are not the corrections of {asked}")
        yield looked_at(kind, tree.corrections, applied, same)
    same = _equal_to(_changes(expected.index), "is not what the corrections make of the images")
    yield looked_at(kind, tree.corrected, lambda path: _changes(read_index(path)), same)


def _changes(index: Index) -> dict[str, np.ndarray]:
    return {name: getattr(index, name) for name in ("labels", "given", "left_out")}


def draw_checks(tree: ResultsTree, expected: Expected) -> Iterator[Check]:
    """Yield the checks of partitions, splits and common tests, drawn again."""
    config = expected.config
    seed = config["partition_seed"]
    kind = "partitions are those that are drawn"
    for name, image_ids in expected.partitions.items():
        path = tree.partition(name)
        drawn = _equal_to(image_ids, f"{name}: is not what {seed} draws")
        check = looked_at(kind, path, read_image_ids, drawn)
        yield check
        if not check.problem:
            described = _equal_to(
                partition_record(path, expected.given, str(seed)), "does not describe the partition"
            )
            yield looked_at(kind, tree.partition_record(name), read_json, described)
    names = [*expected.partitions, *{OFFICIAL}.intersection(config["combos"])]
    for seed in config["seeds"]:
        for name in names:
            drawn, path = expected.split(name, seed), tree.split(name, seed)
            without_test = {**drawn, "test": drawn["test"][:0]}
            own = np.concatenate(list(drawn.values()))
            labelled = _equal_to(expected.index.labels[own], "has labels that nobody corrected so")
            labels = partial(_labels, expected, own)
            yield looked_at("splits are those that are drawn", path, labels, labelled)
            for file, roles in (
                (path, drawn),
                (path.with_suffix(".development.csv"), without_test),
            ):
                judge = _equal_to(roles, f"is not the split that seed {seed} draws")
                yield looked_at("splits are those that are drawn", file, read_split, judge)
        kind = "common tests are the partitions' test images"
        union = _equal_to(expected.common_test(seed), "is not the splits' test images")
        yield looked_at(kind, tree.common_test(seed), read_image_ids, union)


def _labels(expected: Expected, image_ids: np.ndarray, split: Path) -> np.ndarray:
    """Return the labels, int64, that a split has of images."""
    return labels_of_split(expected.given.labels, split)[image_ids]


def _without_weights(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without the place of its trained weights, which results do not name."""
    known = dict(recipe)
    if "architecture" in known:
        known["architecture"] = without(known["architecture"], "weights")
    return known


def recipe_checks(tree: ResultsTree, config: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the checks that the resolved recipes have the values of the study's overrides."""
    for model in model_names(config):
        over = _without_weights(config["overrides"].get(model, {}))
        if over.get("normalize") in _FOUND[1:]:
            del over["normalize"]

        def judge(found: dict[str, Any], over: Mapping[str, Any] = over) -> str:
            return "" if merged(found, over) == found else "does not have the overrides' values"

        kind = "recipes are those of the configuration"
        yield looked_at(kind, tree.recipe(model), read_yaml, judge)


def _equal_to(wanted: Any, complaint: str) -> Callable[[Any], str]:
    """Return what judges whether something read is a value, an array or arrays by name."""

    def judge(found: Any) -> str:
        if isinstance(wanted, dict):
            same = found.keys() == wanted.keys() and all(
                np.array_equal(found[key], value) for key, value in wanted.items()
            )
        else:
            same = np.array_equal(found, wanted)
        return "" if same else complaint

    return judge
