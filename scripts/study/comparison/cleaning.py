"""What corrected labels and left-out images changed, of two studies that differ in them.

The difference of accuracy on the test images that both studies have is the sum of two parts:

- `labels`: the old answers, with the labels of the new study instead of the old ones;
- `training`: the new answers instead of the old ones, both with the labels of the new study.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.difference import difference_row
from study.data.index import Index, read_image_ids
from study.data.names import OFFICIAL
from study.runs.run import Run

# What all combos and models together are called.
ALL = "all"
PARTS = ("difference", "labels", "training")

# By seed the gaps of each part, float parts×n, of the test images, int64 n.
_Gaps = dict[int, tuple[np.ndarray, np.ndarray]]


def changed_since(before: Index, after: Index) -> Index:
    """Return the images of a study with what was corrected since another study of them."""
    return after._replace(given=before.labels, left_out=before.kept & ~after.kept)


def cleaning_effects(
    before: Mapping[tuple, Run], after: Mapping[tuple, Run], images: Index
) -> pd.DataFrame:
    """Return what cleaning changed, by combo and model and for all of partitions together.

    Args:
        before: measured runs of the old study by their keys.
        after: those of the new one.
        images: what `changed_since` returned.

    Returns:
        One row per combo and model that has runs with the same seed in both, those together first:
        `combo`, `model`, `n_seeds`, `n_images`, `accuracy_before`, `accuracy_after`, and for each
        of `PARTS` its value and ends of its 95 % interval, see `study.comparison.pairs.compare`; 0
        and no interval where it changed no answer. `holds_for` says what the intervals are for, ""
        where there are none.
    """
    groups: dict[tuple[str, str], _Gaps] = defaultdict(dict)
    accuracies: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    together: dict[int, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for key, run in before.items():
        if key not in after:
            continue
        combo, model, seed = key
        image_ids, right = _paired(run, after[key], images)
        old, relabelled, new = right.astype(float)
        gaps = np.array([new - old, relabelled - old, new - relabelled])
        groups[combo, model][seed] = gaps, image_ids
        accuracies[combo, model].append((old.mean(), new.mean()))
        if combo != OFFICIAL:  # its test images are others
            together[seed].append((gaps, image_ids))
    rows = list(_rows(groups, accuracies, images.groups))
    if len(groups) > 1 and together:
        whole = {
            seed: (np.mean([gaps for gaps, _ in cells], axis=0), cells[0][1])
            for seed, cells in together.items()
        }
        of_all = [
            pair for (combo, _), each in accuracies.items() if combo != OFFICIAL for pair in each
        ]
        rows = [*_rows({(ALL, ALL): whole}, {(ALL, ALL): of_all}, images.groups), *rows]
    return pd.DataFrame(rows)


def _paired(before: Run, after: Run, images: Index) -> tuple[np.ndarray, np.ndarray]:
    """Return the test images that two runs have, and the answers that are right, bool 3×n.

    The old ones with the old labels, the old ones with the new labels, and the new ones.
    """
    both = [_tested(run) for run in (before, after)]
    image_ids = np.intersect1d(*both)
    said = [run.predictions().logits[image_ids].argmax(axis=1) for run in (before, after)]
    old, new = images.given[image_ids], images.labels[image_ids]
    return image_ids, np.array([said[0] == old, said[0] == new, said[1] == new])


def _tested(run: Run) -> np.ndarray:
    """Return the images that a run is compared by, int64: the common test, or its own."""
    if run.combo == OFFICIAL:
        return np.flatnonzero(run.predictions().has_role("test"))
    return read_image_ids(run.tree.common_test(run.seed))


def _rows(
    groups: Mapping[tuple[str, str], _Gaps],
    accuracies: Mapping[tuple[str, str], list[tuple[float, float]]],
    together: np.ndarray | None,
) -> Iterator[dict[str, Any]]:
    for (combo, model), by_seed in groups.items():
        tested = [ids for _, ids in by_seed.values()]
        units = tested if together is None else [together[ids] for ids in tested]
        means = np.mean(accuracies[combo, model], axis=0)
        row = {
            "combo": combo,
            "model": model,
            "n_seeds": len(by_seed),
            "n_images": len(np.unique(np.concatenate(tested))),
            "accuracy_before": means[0],
            "accuracy_after": means[1],
            "holds_for": "",
        }
        for part, name in enumerate(PARTS):
            of_part = [gaps[part] for gaps, _ in by_seed.values()]
            found = dict.fromkeys(("difference", "low", "high"), 0.0)
            # Where not one answer is another, what it rests on is the same, and nothing is unsure.
            if np.any([gaps.any() for gaps in of_part]):
                found = difference_row(of_part, units)
                row["holds_for"] = found["holds_for"]
            row |= {name: found["difference"]}
            row |= {f"{name}_{end}": found[end] for end in ("low", "high")}
        yield row
