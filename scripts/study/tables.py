"""Tables as self-contained HTML pages, for the report and for reading without a spreadsheet."""

import base64
import html
import io
import numbers
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from study.files import atomic_path

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; }}
h1 {{ font-size: 1.25rem; margin: 0 0 .25rem; }}
p {{ max-width: 60rem; margin: 0 0 1rem; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .25rem .6rem; border-bottom: 1px solid #8884; text-align: left; white-space: nowrap; }}
thead th {{ border-bottom: 2px solid #888; }}
.number {{ text-align: right; }}
tbody tr:hover {{ background: #8882; }}
img {{ display: block; width: 64px; height: 64px; image-rendering: pixelated; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{description}</p>
<div class="scroll"><table>
<thead><tr>{header}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
</body>
</html>
"""


def write_table(path: str | Path, table: pd.DataFrame, float_format: str | None = None) -> None:
    """Write a table as .csv, without its index, atomically; floats by `float_format`, such as "%.6f", else in full."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format=float_format)


def html_page(table: pd.DataFrame, title: str, description: str, images: Sequence[np.ndarray] | None = None) -> str:
    """Return a page with one table; all text is escaped.

    Args:
        table: columns become headings, floats are shown with four decimals, missing values as a dash.
        title: heading of the page.
        description: what is seen and how it was computed.
        images: one uint8 H×W×C image a row, C 1 or 3, shown before the first column.
    """
    numeric = [pd.api.types.is_numeric_dtype(table[column]) for column in table.columns]
    heads = ["<th>image</th>"] if images is not None else []
    heads += [_cell("th", str(name), number) for name, number in zip(table.columns, numeric, strict=True)]
    rows = []
    for i, values in enumerate(table.itertuples(index=False)):
        cells = [_image_cell(images[i])] if images is not None else []
        cells += [_cell("td", _shown(value), number) for value, number in zip(values, numeric, strict=True)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return _PAGE.format(
        title=html.escape(title), description=html.escape(description), header="".join(heads), body="\n".join(rows)
    )


def _cell(tag: str, text: str, number: bool) -> str:
    style = ' class="number"' if number else ""
    return f"<{tag}{style}>{html.escape(text)}</{tag}>"


def _shown(value: object) -> str:
    if pd.isna(value) or value in (np.inf, -np.inf):
        return "–"
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.4f}"
    return str(value)


def _image_cell(image: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<td><img alt="" src="data:image/png;base64,{data}"></td>'
