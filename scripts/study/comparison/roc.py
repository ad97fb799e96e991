"""How well groups of runs tell each class from all others, over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from study.comparison.answers import Study
from study.runs.roc import Curves, mean_of_known

MEAN = "mean of all classes"


def mean_curves(study: Study, model: str) -> dict[str, Curves]:
    """Return by combo the curves of a model, the mean over its seeds; combos without runs lack."""
    return {
        combo: Curves(
            *(
                mean_of_known(np.stack(parts), 0)
                for parts in zip(*(one.curves for one in by_seed.values()), strict=True)
            )
        )
        for combo in study.combos
        if (by_seed := study.group(combo, model))
    }


def roc_table(study: Study, classes: Sequence[str]) -> pd.DataFrame:
    """Return the areas under the curves, one row per model, combo and class, the mean first.

    Args:
        study: the runs.
        classes: K names in label order.

    Returns:
        `model`, `combo`, `class`, `n_seeds`, `auroc` and `average_precision`, which are means over
        seeds; NaN for a class that no seed tested.
    """
    rows = [
        (model, combo, name, len(study.group(combo, model)), *areas)
        for model in study.models
        for combo, curves in mean_curves(study, model).items()
        for name, areas in zip([MEAN, *classes], curves.areas.T, strict=True)
    ]
    columns = ["model", "combo", "class", "n_seeds", "auroc", "average_precision"]
    return pd.DataFrame(rows, columns=columns)
