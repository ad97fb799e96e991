"""Findings about the images themselves: those that are nearly the same."""

import numpy as np

from study.report.findings.finding import Finding, Results, percent
from study.wording import counted

_MANY_DUPLICATES = 0.1


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
            f"{counted(len(same), 'pair')} of images with the same pixels "
            f"{'has' if len(same) == 1 else 'have'} two labels, one of which must be wrong: "
            f"{shown}{'; and more' if len(same) > 5 else ''}."
        )
        findings.append(Finding("One picture, two labels", text, "Data"))
    share = len(np.union1d(pairs["image_id"], pairs["other_id"])) / n
    if share > _MANY_DUPLICATES:
        text = (
            f"{percent(share, 0)} of the images are nearly the same as another one, so that fewer "
            "runs may judge them. Look at the pairs: if they show different things, "
            "near_duplicates.threshold is too large for these images."
        )
        findings.append(Finding("Many near-duplicates", text, "Data"))
    return findings
