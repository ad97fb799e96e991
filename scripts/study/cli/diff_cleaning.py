"""Print what corrected labels and left-out images changed, of two studies that differ in them."""

from typing import TYPE_CHECKING

import pandas as pd

from study.cli.diff_cells import images_digest, number, signed
from study.cli.terminal import say, table
from study.comparison.cleaning import PARTS, changed_since, cleaning_effects
from study.comparison.pairs import intervals_are_for
from study.data.corrected import what_changed
from study.data.index import Index, read_index
from study.errors import StudyError
from study.runs.chance import MEASURED
from study.runs.run import Run
from study.runs.table import KEYS
from study.runs.tree import ResultsTree

if TYPE_CHECKING:
    from rich.console import Console

    from study.cli.diff_studies import ComparedStudy

_ABOUT = (
    "Accuracy on the test images that both studies have, image by image. B - A is the sum of two: "
    "labels, A's answers with B's labels instead of A's, and training, B's answers instead of A's, "
    "both with B's labels. ± is half of the 95 % interval."
)


def print_cleaning(
    where: "Console", a: "ComparedStudy", b: "ComparedStudy", groups: pd.DataFrame
) -> pd.DataFrame:
    """Print what cleaning changed from A to B, if labels or left-out images differ.

    Returns:
        The groups, with columns of this where they are the combos and models of both.
    """
    images = _changed_images(a.results, b.results)
    if images is None:
        return groups
    where.print()
    say(where, f"From A to B: {what_changed(images)}.")
    effects = cleaning_effects(_measured(a), _measured(b), images)
    if effects.empty:
        return groups
    where.print()
    table(
        where,
        list(_cells(effects.iloc[0])),
        list(map(_cells, effects.to_dict("records"))),
        keys=["combo", "model"],
    )
    where.print()
    known = effects[effects["holds_for"] != ""]
    named = zip(known["combo"] + "/" + known["model"], known["holds_for"], strict=True)
    say(where, f"{_ABOUT} {intervals_are_for(named)}" if len(known) else _ABOUT)
    paired = effects.drop(columns=["n_seeds", "n_images", "holds_for"]).rename(
        columns=lambda name: name if name in ("combo", "model") else f"paired_{name}"
    )
    return groups.merge(paired, on=["combo", "model"], how="left")


def _changed_images(a: ResultsTree, b: ResultsTree) -> Index | None:
    """Return what was corrected from A to B; None if nothing was, or they are of other images."""
    if images_digest(a) is None or images_digest(a) != images_digest(b):
        return None
    if not a.index.is_file() or not b.index.is_file():
        return None
    before, after = read_index(a.labels), read_index(b.labels)
    if len(before.labels) != len(after.labels):  # of the same images
        raise StudyError(
            f"{a.labels} has {len(before.labels):,} images and {b.labels} {len(after.labels):,}, "
            "but both studies have the same; let Snakemake make that with fewer again"
        )
    if before.classes != after.classes or before.files != after.files:
        return None
    images = changed_since(before, after)
    return images if (images.labels != images.given).any() or images.left_out.any() else None


def _measured(study: "ComparedStudy") -> dict[tuple, Run]:
    """Return the runs that have predictions by combo, model and seed."""
    measured = study.table[study.table["status"].isin(MEASURED)]
    keys = set(measured[KEYS].itertuples(index=False, name=None))
    return {run.key: run for run in study.trained if run.key in keys}


def _cells(row: dict[str, object]) -> dict[str, str]:
    cells = {"combo": row["combo"], "model": row["model"], "n": str(row["n_seeds"])}
    cells |= {"A": number(row["accuracy_before"]), "B": number(row["accuracy_after"])}
    for name, title in zip(PARTS, ("B - A", *PARTS[1:]), strict=True):
        half = row[f"{name}_high"] - row[name]
        # A run that did not change differs in nothing.
        cells[title] = (
            "0" if not row[name] and not half else f"{signed(row[name])} ± {number(half)}"
        )
    return cells
