"""The figure of images that are nearly the same."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.report.plots.images import image_pairs_figure
from study.report.plots.style import message_figure
from study.wording import counted

_SHOWN = 18  # pairs, nearest and at the threshold each


def near_duplicates_figure(
    table: pd.DataFrame, images: np.ndarray, threshold: float, split: bool
) -> Figure:
    """Return a sheet of the nearest pairs and of the last ones up to the threshold.

    Args:
        table: one row per pair, nearest first, as find_duplicates.py writes it.
        images: uint8, N×H×W×C.
        threshold: largest distance.
        split: whether the publisher split the images into train and test.
    """
    panels = {
        "Nearest": table.head(_SHOWN),
        f"Last ones up to the threshold, {threshold:g}": table.iloc[_SHOWN:].tail(_SHOWN),
    }
    shown = {
        name: [
            (images[pair.image_id], images[pair.other_id], _caption(pair))
            for _, pair in rows.iterrows()
        ]
        for name, rows in panels.items()
        if len(rows)
    }
    title = _finding(table, split)
    return image_pairs_figure(shown, title) if shown else message_figure(title)


def _caption(pair: pd.Series) -> str:
    labels = " / ".join(dict.fromkeys([pair["class"], pair["other_class"]]))
    return (
        f"{pair.image_id}, {pair.other_id}\n{labels}\n"
        f"pixel {pair.pixel_distance:.2f}, low freq. {pair.low_frequency_distance:.2f}"
    )


def _finding(table: pd.DataFrame, split: bool) -> str:
    if table.empty:
        return "No two images are near-duplicates"
    parts = []
    if split:
        across = table[table["source_split"] != table["other_source_split"]]
        test = np.where(across["source_split"] == "test", across["image_id"], across["other_id"])
        parts.append(
            f"{len(across):,} across the publisher's train and test "
            f"({counted(len(np.unique(test)), 'test image')})"
        )
    parts.append(f"{table['labels_differ'].sum() or 'none'} with different labels")
    return f"{counted(len(table), 'pair')} of near-duplicates: {', '.join(parts)}"
