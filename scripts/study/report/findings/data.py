"""Findings about the images: uneven classes, groups, and images that are nearly the same."""

import numpy as np
import pandas as pd

from study.comparison.answers import is_uneven
from study.comparison.tables import BY_CLASS
from study.data.likely_groups import Guess
from study.report.findings.finding import Finding, Results, percent
from study.wording import counted

_MANY_DUPLICATES = 0.1


def uneven_classes(results: Results) -> list[Finding]:
    """Return the baseline of always naming the largest class, where classes are uneven."""
    labels = results.hard_examples["class"]
    if not is_uneven(pd.factorize(labels)[0]):
        return []
    shares = labels.value_counts(normalize=True)
    largest = shares.index[0]
    text = (
        f"{largest} is {percent(shares.iloc[0])} of the images and {shares.index[-1]} "
        f"{percent(shares.iloc[-1])}. Always naming {largest} reaches {percent(shares.iloc[0])} "
        "accuracy: a model has to beat this baseline. Look also at the measures in which each "
        "class counts the same."
    )
    pairs = results.comparisons
    real = [
        f"{int((of_measure['verdict'] != 'undecided').sum()):,} by {name}"
        for measure, name in BY_CLASS.items()
        if len(of_measure := pairs[pairs["measure"] == measure])
    ]
    n = (pairs["measure"] == "balanced_accuracy").sum()
    if real:
        text += f" Real among {counted(int(n), 'difference')}: {', '.join(real)}."
    return [Finding("Uneven classes", text, "Results")]


def likely_groups(guess: Guess | None) -> list[Finding]:
    """Return what the names of images say of groups that the study was not told of."""
    if guess is None:
        return []
    text = (
        f"By their names, {guess.n_images:,} images are of {guess.n_groups:,} patients, bursts or "
        f"videos (such as {' and '.join(guess.example)}), and no group is given. So runs may have "
        "been tested on pictures of what they were trained on, and accuracies may flatter. If so, "
        f"write group: '{guess.pattern}' under dataset."
    )
    return [Finding("Images that may belong together", text, "Data")]


def corrected(changed: str) -> list[Finding]:
    """Return what people's corrections of labels changed in the study."""
    if not changed:
        return []
    text = f"By what people said of images: {changed}. Everything here goes by the labels now."
    return [Finding("Corrected data", text, "Data")]


def near_duplicates(results: Results) -> list[Finding]:
    """Return whether equal images have two labels, and whether very many are nearly the same."""
    pairs, n = results.duplicates, len(results.hard_examples)
    findings = []
    same = pairs[(pairs["pixel_distance"] == 0) & pairs["labels_differ"]]
    if len(same):
        files = results.hard_examples.set_index("image_id")["file"]
        shown = "; ".join(
            " and ".join(
                f"{files[image_id]} (image_id {image_id})"
                for image_id in (row.image_id, row.other_id)
            )
            for row in same.head(5).itertuples()
        )
        text = (
            f"{counted(len(same), 'pair')} of images that are the same up to brightness and "
            f"contrast {'has' if len(same) == 1 else 'have'} two labels. Look whether one is "
            f"wrong: {shown}{'; and more' if len(same) > 5 else ''}."
        )
        findings.append(Finding("One picture, two labels", text, "Data"))
    share = len(np.union1d(pairs["image_id"], pairs["other_id"])) / n
    if share > _MANY_DUPLICATES:
        text = (
            f"{percent(share, 0)} of the images are nearly the same as another one, so that fewer "
            "runs may judge them. Intervals over images count them as if each said something of "
            "its own, so they are too narrow. Look at the pairs: if they show different things, "
            "near_duplicates.threshold is too large for these images."
        )
        findings.append(Finding("Many near-duplicates", text, "Data"))
    return findings
