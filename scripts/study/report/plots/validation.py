"""Figures of hardness beside people's judgements."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.hardness.human_agreement import SCORES, YES_NO_TARGETS, precision_and_recall
from study.report.plots.style import COLOURS, STYLE, percent, set_title, write_cells
from study.report.plots.texts import wrapped

# What yes means.
_MEANINGS = dict(zip(YES_NO_TARGETS, ("rejected by people", "hard for people"), strict=True))


def precision_recall_figure(
    sources: Mapping[str, pd.DataFrame], agreement: pd.DataFrame, title: str
) -> Figure:
    """Return precision over recall of the `SCORES`, for each source of votes and target.

    Args:
        sources: by the name of the source what `study.hardness.human_agreement.judged_images`
            returned.
        agreement: one row per source, target, score and metric with its `value`, among them
            `average_precision`.
        title: what is shown.
    """
    average_precision = agreement[agreement["metric"] == "average_precision"].set_index(
        ["source", "target", "score"]
    )
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            len(sources),
            len(_MEANINGS),
            figsize=(1 + 5 * len(_MEANINGS), 0.6 + 3.8 * len(sources)),
            squeeze=False,
        )
        for line, (source, images) in zip(grid, sources.items(), strict=True):
            for axes, (target, meaning) in zip(line, _MEANINGS.items(), strict=True):
                prevalence = highest = images[target].mean()
                text = f"{source}: {images[target].sum()} of {len(images)} images {meaning}"
                axes.set_title(wrapped(text, 4.4, 11))
                for score, colour, dashes in zip(
                    SCORES, COLOURS, ("-", "--", "-.", ":"), strict=False
                ):
                    if prevalence and images[score].notna().all():
                        precision, recall = precision_and_recall(images[score], images[target])
                        mean = average_precision.loc[(source, target, score), "value"]
                        axes.plot(
                            recall, precision, dashes, color=colour, label=f"{score}: {mean:.3f}"
                        )
                        # The first few images decide how a curve begins: it may leave the picture.
                        highest = max(highest, precision[recall >= 0.05].max())
                axes.axhline(
                    prevalence, color="0.5", linewidth=1, label=f"any order: {prevalence:.3f}"
                )
                axes.set(xlim=(0, 1), ylim=(0, min(1, 1.5 * highest) or 1), xlabel="Recall")
                axes.grid(True)
                look = {"framealpha": 0.85, "edgecolor": "none", "loc": "upper right", "ncols": 2}
                axes.legend(title="Average precision", **look)
            line[0].set_ylabel("Precision")
        set_title(figure, title)
    return figure


def human_error_figure(
    tables: Mapping[str, np.ndarray],
    groups: Mapping[str, pd.DataFrame],
    names: Sequence[str],
    title: str,
) -> Figure:
    """Return what is hard for models and for people, and human error over hardness.

    Each source of human votes has a row.

    Args:
        tables: int 2×2 by source; rows easy and hard for models, columns easy and hard for people.
        groups: by source, one row per group of images of like hardness with `hardness`,
            `human_error`, `low` and `high`.
        names: what makes an image hard for models, and for people.
        title: what is shown.
    """
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            len(tables), 2, figsize=(11, 0.6 + 3.8 * len(tables)), squeeze=False
        )
        for (cells, axes), (source, table) in zip(grid, tables.items(), strict=True):
            share = table / table.sum()
            cells.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            texts = [f"{count}\n{count / table.sum():.1%}" for count in table.flat]
            write_cells(cells, np.reshape(texts, table.shape), share > 0.5)
            cells.set_xticks(range(2), ["easy for people", f"hard for people\n({names[1]})"])
            cells.set_yticks(range(2), ["easy for\nmodels", f"hard for\nmodels\n({names[0]})"])
            cells.spines[:].set_visible(False)
            cells.set_title(f"{source}: {table.sum()} images")
            group = groups[source]
            label = f"mean of {table.sum() // len(group)} images, 95 % interval"
            axes.plot(group["hardness"], group["human_error"], "o-", color=COLOURS[0], label=label)
            axes.vlines(
                group["hardness"], group["low"], group["high"], color=COLOURS[0], linewidth=1
            )
            axes.set(
                xlim=(0, 1),
                xlabel="Hardness for models (mean rank within runs)",
                ylabel="Human error",
            )
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(percent)
            axes.grid(True)
            axes.legend(frameon=False, loc="upper left")
        set_title(figure, title)
    return figure
