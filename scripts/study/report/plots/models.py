"""Figures of how a model is trained: learning rates and their search."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.style import COLOURS, MARKERS, STYLE, log_label, set_title


def schedule_figure(
    values: np.ndarray, steps_per_epoch: int, title: str, momentum_name: str
) -> Figure:
    """Return learning rate and momentum over the epochs.

    Args:
        values: float, steps×2; learning rate and momentum at each step.
        steps_per_epoch: training steps in an epoch.
        title: what is shown.
        momentum_name: what to call the momentum.
    """
    epochs = np.arange(len(values)) / steps_per_epoch
    with plt.rc_context(STYLE):
        figure, rows = plt.subplots(2, 1, figsize=(8, 5), sharex=True, height_ratios=(2, 1))
        for axes, column, name, colour in zip(
            rows, values.T, ("Learning rate", momentum_name), COLOURS, strict=False
        ):
            axes.plot(epochs, column, color=colour, drawstyle="steps-post")
            axes.set_ylabel(name)
            axes.grid(True)
            axes.margins(x=0.01)
        rows[0].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        rows[1].set_xlabel("Epochs done")
        rows[1].ticklabel_format(axis="y", useOffset=False)
        set_title(figure, title)
    return figure


def lr_find_figure(
    rates: np.ndarray,
    losses: np.ndarray,
    smoothed: np.ndarray,
    places: Mapping[str, int],
    title: str,
) -> Figure:
    """Return loss over learning rate, with the suggestions marked.

    Args:
        rates: float, n; the learning rate of each step.
        losses: float, n; of each step's batch.
        smoothed: float, n.
        places: step of each suggestion, by the name of its rule.
        title: what is shown.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 4.6))
        axes.plot(rates, losses, color="0.75", linewidth=1, label="loss of a batch")
        axes.plot(rates, smoothed, color=COLOURS[0], label="smoothed")
        # Of suggestions that agree the first is the larger mark, so that both are seen.
        for (name, place), colour, marker, markersize in zip(
            places.items(), COLOURS[1:], MARKERS, (12, 7, 5), strict=False
        ):
            label = f"{name}: {rates[place]:.3g}"
            axes.plot(
                rates[place],
                smoothed[place],
                marker,
                color=colour,
                markersize=markersize,
                zorder=3,
                label=label,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(log_label)
        # A diverged end would press everything else flat.
        shown = [*smoothed[: smoothed.argmin() + 1], *smoothed[list(places.values())]]
        low, high = min(shown), max(shown)
        axes.set_ylim(low - 0.15 * (high - low) - 0.01, high + 0.25 * (high - low) + 0.01)
        axes.set(xlabel="Learning rate", ylabel="Loss")
        set_title(figure, title)
        axes.grid(True)
        axes.legend(frameon=False)
    return figure
