"""The columns of the table of hard examples, as the gallery shows and sorts by them."""

import numpy as np
import pandas as pd

from study.report.gallery.packing import Part, array_part, json_part, quantised
from study.report.glossary import meaning

CATEGORIES = (
    "class",
    "consensus",
    "second",
    "other_class",
    "kind",
    "partition",
    "source_split",
    "human_source",
    "human_top",
)


def pack_columns(table: pd.DataFrame) -> tuple[list[dict], list[Part]]:
    """Return what the columns are, and their values.

    Args:
        table: rows of hard_examples.csv, in the order of the gallery.

    Returns:
        One dictionary per column: `name`, `kind` and `meaning`. A category has its `values`, of
        which codes count. A number has `low`, `step`, `decimals`, and `truth`, whether it is 1 for
        True. And one part per column, named
        `column-<name>`, besides `files`, the names of the files.
    """
    columns: list[dict] = []
    parts = [json_part("files", table["file"].tolist())]
    for name in table.columns.drop("file"):
        if name in CATEGORIES:
            codes, values = pd.factorize(table[name].fillna("").astype(str), sort=True)
            told = {"values": list(values), "meaning": meaning(name, "hard_examples.csv")}
            columns.append({"name": name, "kind": "category"} | told)
            codes = codes.astype(np.min_scalar_type(len(values)))
        elif pd.api.types.is_numeric_dtype(numbers := table[name].convert_dtypes()):
            codes, scale = quantised(numbers.to_numpy(np.float64, na_value=np.nan))
            columns.append(
                {"name": name, "kind": "number", "meaning": meaning(name, "hard_examples.csv")}
                | {"truth": pd.api.types.is_bool_dtype(numbers)}
                | scale._asdict()
            )
        else:
            continue
        parts.append(array_part(f"column-{name}", codes))
    return columns, parts
