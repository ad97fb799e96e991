"""How every figure looks, and how it is written."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from study.files import atomic_path

# Okabe & Ito's palette: told apart with colour-blindness and, with the markers, in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Usual fonts with Chinese, Japanese and Korean letters, which the first one lacks. Those that are
# installed stand in, letter by letter.
_EAST_ASIAN = (
    *(f"Noto Sans CJK {region}" for region in ("JP", "SC", "TC", "KR")),
    *("IPAGothic", "WenQuanYi Zen Hei", "UnDotum", "NanumGothic"),  # Linux
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo"),  # macOS
    *("Yu Gothic", "Microsoft YaHei", "Malgun Gothic"),  # Windows, by way of WSL
)


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


def legend_below(figure: Figure, handles: Sequence[Artist], title: str | None = None) -> None:
    """Explain labelled artists below all axes of the figure, where the legend hides no data."""
    figure.legend(
        handles=handles,
        title=title,
        loc="outside lower center",
        ncols=min(len(handles), 5),
        frameon=False,
        title_fontsize=9,
    )


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write the figure in the format of the path's suffix, atomically, undated, then close it."""
    with atomic_path(path) as temporary, plt.rc_context(STYLE):
        figure.savefig(
            temporary, metadata={"Date": None} if temporary.suffix == ".svg" else None, dpi=150
        )
    plt.close(figure)


def message_figure(message: str) -> Figure:
    """Return a figure that holds nothing but a line of text, where there is nothing to draw."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(8, 1))
        figure.text(0.02, 0.5, message, va="center")
    return figure
