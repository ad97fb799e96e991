"""How every figure looks, and how it is written."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator, NullFormatter

from study.files import atomic_path
from study.report.plots.texts import shortened, text_inches, wrapped

# Okabe & Ito's palette: told apart with colour-blindness and, with the markers, in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Usual fonts with Chinese, Japanese and Korean letters, which the first one lacks. Those that are
# installed stand in, letter by letter.
_EAST_ASIAN = (
    *(f"Noto Sans CJK {region}" for region in ("JP", "SC", "TC", "KR")),
    *("IPAGothic", "WenQuanYi Zen Hei", "UnDotum", "NanumGothic"),  # Linux
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo"),  # macOS
    *("Yu Gothic", "Microsoft YaHei", "Malgun Gothic"),  # Windows, through WSL
)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def font_families(installed: Sequence[str]) -> list[str]:
    """Return the font families of all texts in figures, by preference, from the fonts installed."""
    known = set(installed)
    return ["sans-serif", *(name for name in _EAST_ASIAN if name in known)]


STYLE = {
    "font.size": 10,
    "font.family": font_families(font_manager.get_font_names()),
    # The first measures the texts, the others stand in where it is missing.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,  # grids lie behind bars too
    "grid.color": "0.9",
    "text.parse_math": False,  # a class may be called $x$
    "svg.hashsalt": "study",  # same figure, same bytes
    # Letters and not outlines of letters: a third of the bytes, and text can be found.
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
}


def model_looks(models: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return each model's colour and marker, as matplotlib's keywords.

    Args:
        models: all models of the study, in its order: so a model looks the same in every figure.
    """
    return {
        model: {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        for place, model in enumerate(models)
    }


def percent(share: float, position: int | None = None) -> str:
    """Return a tick's label with as many decimals as it needs; a formatter for matplotlib."""
    return f"{100 * share:.6g}%"


def log_label(value: float, position: int | None = None) -> str:
    """Return a power of ten as text, "" for other numbers; a formatter for logarithmic axes.

    Matplotlib's own writes a formula, which `STYLE` shows as it is written.
    """
    exponent = round(math.log10(value)) if value > 0 else 0
    if value <= 0 or not math.isclose(value, 10.0**exponent, rel_tol=1e-6):
        return ""
    return "10" + str(exponent).translate(_RAISED) if abs(exponent) > 2 else f"{value:g}"


def log_ticks(low: float, high: float) -> np.ndarray:
    """Return round numbers between two positive ones for a logarithmic axis, three or more.

    Powers of ten where there are as many; for numbers that lie close together evenly spaced ones.
    """
    decades = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [np.outer(decades, parts).ravel() for parts in ([1], [1, 2, 5], np.arange(1, 10))]
    steps.append(MaxNLocator(5).tick_values(low, high))
    inside = [ticks[(ticks >= low) & (ticks <= high)] for ticks in steps]
    return next((ticks for ticks in inside if len(ticks) > 2), inside[-1])


def set_title(figure: Figure, text: str) -> None:
    """Write what a figure says above it, in as many lines as its width takes."""
    text = wrapped(text, 0.97 * figure.get_figwidth(), 12)
    figure.set_figheight(figure.get_figheight() + 0.19 * text.count("\n"))
    figure.suptitle(text, x=0.01, ha="left", fontsize=12)


def set_ticks(
    axes: Axes, names: Sequence[str], inches: float, size: float = 10, every: int = 1
) -> None:
    """Name the places 0, 1, … of the x axis, aslant where the names have no room side by side.

    Args:
        axes: to be named.
        names: of the places.
        inches: width of the axes.
        size: of the font, points.
        every: name only each `every`-th place.
    """
    places = range(0, len(names), every)
    names = [shortened(str(names[place]), 3, size) for place in places]
    beside = max(text_inches(name, size) for name in names) < 0.9 * inches / len(names)
    aslant = {} if beside else {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(places, names, fontsize=size, **aslant)


def write_cells(
    axes: Axes,
    texts: np.ndarray,
    dark: np.ndarray,
    bold: np.ndarray | None = None,
    size: float = 10,
) -> None:
    """Write a text into the middle of each cell of a heat map.

    Args:
        axes: with the heat map.
        texts: n×m, in its rows and columns; "" for none.
        dark: bool, n×m; cells so dark that their text is white.
        bold: bool, n×m; default: no text is.
        size: of the font, points.
    """
    for (row, column), text in np.ndenumerate(texts):
        colour = "white" if dark[row, column] else "black"
        weight = "bold" if bold is not None and bold[row, column] else None
        if text:
            look = {"color": colour, "weight": weight, "fontsize": size}
            axes.text(column, row, text, ha="center", va="center", **look)


def legend_below(figure: Figure, handles: Sequence[Artist], title: str | None = None) -> None:
    """Explain labelled artists below all axes of the figure, where the legend hides no data."""
    widest = 0.6 + max((text_inches(str(handle.get_label()), 10) for handle in handles), default=0)
    columns = max(1, min(len(handles), 5, int(figure.get_figwidth() / widest)))
    figure.legend(
        handles=handles,
        title=title,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        title_fontsize=9,
    )


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write the figure in the format of the path's suffix, atomically, undated, then close it."""
    _without_formulas(figure)
    with atomic_path(path) as temporary, plt.rc_context(STYLE):
        figure.savefig(
            temporary, metadata={"Date": None} if temporary.suffix == ".svg" else None, dpi=150
        )
    plt.close(figure)


def _without_formulas(figure: Figure) -> None:
    """Let no logarithmic axis or colour bar label its ticks with formulas, which `STYLE` shows raw.

    Matplotlib labels the ticks between powers of ten too where an axis spans few of them.
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatter):
                axis.set_major_formatter(log_label)
            if isinstance(axis.get_minor_formatter(), LogFormatter):
                axis.set_minor_formatter(NullFormatter())


def message_figure(message: str) -> Figure:
    """Return a figure that holds nothing but a text, where there is nothing to draw."""
    text = wrapped(message, 7.7, 10)
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(8, 0.8 + 0.2 * (text.count("\n") + 1)))
        figure.text(0.02, 0.5, text, va="center")
    return figure
