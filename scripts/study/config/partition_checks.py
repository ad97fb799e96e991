"""Check partitions, the combos that are made of them, and the ratios of splits."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from study.config.schema import yaml_text
from study.data.datasets import dataset
from study.data.folds import ROLES
from study.data.names import COMMON, OFFICIAL, OWN
from study.errors import StudyError
from study.wording import counted


def has_external_test(config: Mapping[str, Any]) -> bool:
    """Tell whether a study has test images of its own, which no partition gets."""
    return config["dataset"]["name"] in OWN and bool(config["dataset"]["test_path"])


def keeps_together(config: Mapping[str, Any]) -> bool:
    """Tell whether near-duplicates have one role in the splits of partitions.

    Where nothing is said, they have.
    """
    return config["near_duplicates"].get("keep_together", True)


def check_partitions(config: Mapping[str, Any]) -> None:
    """Check the partitions, combos and ratios of a configuration that fits its schema.

    Raises:
        StudyError: the first thing that is wrong; the line shows the corrected YAML.
    """
    names = [partition["name"] for partition in config["partitions"]]
    sizes = [partition["size"] for partition in config["partitions"]]
    for reserved, what in ((OFFICIAL, "data set's own split"), (COMMON, "common test")):
        if reserved in names:
            raise StudyError(
                f"config: a partition is called {reserved!r}, the name of the {what}; "
                "give it another name"
            )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise StudyError(
            f"config: two partitions are called {repeated[0]!r}; give each its own name"
        )
    _check_kind_of_sizes(names, sizes)
    name = config["dataset"]["name"]
    # The number of images in the user's folder or table is known later.
    counted = not (config["dataset"]["checksums"] or name in OWN)
    if counted and not isinstance(sizes[0], float):
        _check_sum(names, sizes, name)
    _check_combos(config)
    _check_split(config["split"], config["seeds"])


def _check_kind_of_sizes(names: Sequence[str], sizes: Sequence[float]) -> None:
    """Check that sizes are all numbers of images, or all shares of them with a decimal point."""
    shares = [isinstance(size, float) for size in sizes]
    for position, (size, share) in enumerate(zip(sizes, shares, strict=True)):
        if share and size > 1:
            raise StudyError(
                f"config: partitions[{position}].size is {size}, expected a number of images "
                f"such as {int(size)} or a share of them up to 1.0"
            )
    if any(shares) and not all(shares):
        raise StudyError(
            "config: the sizes of the partitions are numbers of images and shares mixed "
            f"({', '.join(map(str, sizes))}); write all as numbers or all as shares"
        )
    if all(shares) and sum(map(Fraction, map(str, sizes))) > 1:
        fitting = [math.floor(10_000 * size / sum(sizes)) / 10_000 for size in sizes]
        raise StudyError(
            f"config: the partitions ask for {sum(sizes):g} of the images, expected at most 1; "
            f"write for example {_partitions_text(names, fitting)}"
        )


def _check_sum(names: Sequence[str], sizes: Sequence[int], name: str) -> None:
    pool = dataset(name).n_images
    if sum(sizes) > pool:
        fitting = [size * pool // sum(sizes) for size in sizes]
        raise StudyError(
            f"config: the partitions ask for {sum(sizes)} images but {name} has {pool}; "
            f"write for example {_partitions_text(names, fitting)}"
        )


def _partitions_text(names: Sequence[str], sizes: Sequence[float]) -> str:
    pairs = zip(names, sizes, strict=True)
    return yaml_text("partitions", [{"name": name, "size": size} for name, size in pairs])


def _check_combos(config: Mapping[str, Any]) -> None:
    names = [partition["name"] for partition in config["partitions"]]
    combos = config["combos"]
    seen: dict[frozenset[str], str] = {}
    for position, combo in enumerate(combos):
        parts = combo.split("+")
        if OFFICIAL in parts:
            _check_official(config, position)
        unknown = [part for part in parts if part not in [*names, OFFICIAL]]
        if unknown:
            fixed = "+".join(dict.fromkeys(part for part in parts if part in names)) or names[0]
            raise StudyError(
                f"config: combos[{position}] is {combo!r} but there is no partition "
                f"{unknown[0]!r} (there are {', '.join(names)}); write for example "
                + _combos_text(combos, position, fixed)
            )
        equal = seen.get(frozenset(parts))
        if equal is not None or len(set(parts)) < len(parts):
            fixed = "+".join(dict.fromkeys(parts)) if equal is None else None
            raise StudyError(
                f"config: combos[{position}] {combo!r} repeats {equal or 'a partition'}; write "
                + _combos_text(combos, position, fixed)
            )
        seen[frozenset(parts)] = combo


def _combos_text(combos: Sequence[str], position: int, fixed: str | None) -> str:
    """Return the combos as YAML, with another one at a position, or none there."""
    middle = [] if fixed is None else [fixed]
    corrected = [*combos[:position], *middle, *combos[position + 1 :]]
    return yaml_text("combos", list(dict.fromkeys(corrected)))


def _check_official(config: Mapping[str, Any], position: int) -> None:
    combos, name = config["combos"], config["dataset"]["name"]
    is_own = name in OWN
    if combos[position] != OFFICIAL:
        raise StudyError(
            f"config: combos[{position}] is {combos[position]!r}, but {OFFICIAL} is the data "
            "set's own split and joins no partition; write for example "
            + _combos_text(combos, position, OFFICIAL)
        )
    if is_own and not config["dataset"]["test_path"]:
        raise StudyError(
            f"config: combos[{position}] is {OFFICIAL!r}, but dataset.test_path is empty; "
            "write where your test images are, or remove it"
        )
    if not is_own and not dataset(name).officially_split:
        rest = [combo for combo in combos if combo != OFFICIAL] or [config["partitions"][0]["name"]]
        raise StudyError(
            f"config: combos[{position}] is {OFFICIAL!r}, but the publisher of {name} did not "
            f"split it; write for example {yaml_text('combos', rest)}"
        )


def _check_split(split: Mapping[str, float], seeds: Sequence[int]) -> None:
    ratios, folds = {role: split[role] for role in ROLES}, split.get("folds", 0)
    total = sum(ratios.values())
    # With folds, train and val divide what is not tested by their ratio.
    if not folds and not math.isclose(total, 1, abs_tol=1e-6):
        scaled = {role: round(ratio / total, 4) for role, ratio in ratios.items()}
        scaled["train"] = round(1 - scaled["val"] - scaled["test"], 4)
        raise StudyError(
            f"config: the ratios of split sum to {total:g}, expected 1; "
            f"write for example {yaml_text('split', scaled)}"
        )
    if folds == 1:
        raise StudyError(
            "config: split.folds is 1, and no image would be left to train on; expected 2 or more, "
            "or 0 for none"
        )
    if folds and len(seeds) % folds:
        raise StudyError(
            f"config: split.folds is {folds} and there are {counted(len(seeds), 'seed')}, expected "
            f"{folds}, {2 * folds} and so on, so that each image is tested equally often; "
            "add seeds or take away some"
        )
