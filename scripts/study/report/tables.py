"""Tables as self-contained HTML pages, for the report and for reading without a spreadsheet."""

import base64
import html
import io
import itertools
import numbers
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from study.report.glossary import meaning
from study.report.pages import fill_page

# A column with at most this number of different names gets a menu of its own above the table.
_MOST_CHOICES = 12
# Numbers that are names.
_NOMINAL = {"seed", "image_id", "other_id", "near_duplicate"}


def html_page(
    table: pd.DataFrame,
    title: str,
    description: str,
    images: Sequence[np.ndarray] | None = None,
    *,
    of: str,
) -> str:
    """Return a self-contained page with one table, to be sorted, filtered and copied from.

    All text is escaped.

    Args:
        table: columns become headings; floats are shown rounded and kept in full for sorting and
            copying; missing and infinite values are shown as a dash.
        title: heading of the page.
        description: what is seen and how it was computed.
        images: one uint8 H×W×3 image a row, shown before the first column.
        of: the table of the glossary that says what the columns mean.
    """
    meanings = {str(column): meaning(str(column), of) for column in table}
    numeric = [_is_numeric(table[column]) for column in table.columns]
    grouped = [
        number and name not in _NOMINAL for name, number in zip(table.columns, numeric, strict=True)
    ]
    heads = ['<th class="image">image</th>'] if images is not None else []
    heads += [
        _heading(table[column], number, meanings[str(column)])
        for column, number in zip(table.columns, numeric, strict=True)
    ]
    rows = []
    for i, values in enumerate(table.itertuples(index=False)):
        cells = [_image_cell(images[i])] if images is not None else []
        cells += [
            _cell(value, *looks) for value, *looks in zip(values, numeric, grouped, strict=True)
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return fill_page(
        "table",
        title=html.escape(title),
        description=html.escape(description),
        columns=_columns(meanings),
        heads="".join(heads),
        rows="\n".join(rows),
    )


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _columns(meanings: Mapping[str, str]) -> str:
    """Return what the columns mean as a list to unfold; neighbours may share a meaning."""
    rows = [
        f"<dt>{', '.join(html.escape(name) for name, _ in names)}<dd>{html.escape(text)}"
        for text, names in itertools.groupby(meanings.items(), key=lambda item: item[1])
        if text
    ]
    about = "<details><summary>What the columns mean</summary><dl>{}</dl></details>"
    return about.format("".join(rows)) if rows else ""


def _heading(column: pd.Series, number: bool, text: str) -> str:
    attributes = ' class="number"' if number else ""
    attributes += f' title="{html.escape(text)}"' if text else ""
    if not number or column.name in _NOMINAL:
        different = column.nunique(dropna=False)
        if 2 <= different <= _MOST_CHOICES and different < len(column):
            attributes += " data-choose"
    return f'<th scope="col"{attributes}>{html.escape(str(column.name))}</th>'


def _cell(value: object, number: bool, grouped: bool) -> str:
    attributes = ' class="number"' if number else ""
    if pd.isna(value) or value in (np.inf, -np.inf):
        return f'<td{attributes} data-value="">–</td>'
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        shown, exact = _rounded(float(value)), repr(float(value))
        attributes += f' data-value="{exact}"' if exact != shown else ""
        return f"<td{attributes}>{shown}</td>"
    if grouped and abs(value) >= 10_000:
        return f'<td{attributes} data-value="{value}">{value:,}</td>'
    return f"<td{attributes}>{html.escape(str(value))}</td>"


def _rounded(value: float) -> str:
    if value and abs(value) < 0.001:
        return f"{value:.2g}"  # p-values
    return (
        f"{value:,.1f}"
        if abs(value) >= 10_000
        else f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.4f}"
    )


def _image_cell(image: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<td><img alt="" src="data:image/png;base64,{data}"></td>'
