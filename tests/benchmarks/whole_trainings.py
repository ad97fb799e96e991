#!/usr/bin/env python
"""Draw whole trainings of published systems over their authors' curves, from the stored histories.

By both recipes: the authors' (`whole_trainings` of results/reference) and ours (`tuned`).
Once more after another training: `python tests/benchmarks/whole_trainings.py --output curves.svg`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from study.files import read_yaml
from study.report.plots.reproduction import reproduction_figure
from study.report.plots.style import save_figure

ROOT = Path(__file__).resolve().parents[2]
REPORTED, TUNED = (ROOT / f"results/reference/{name}" for name in ("whole_trainings", "tuned"))


def curves(model: str, combo: str, measured_on: str) -> list[np.ndarray]:
    """Return the accuracies by epoch of a model's stored training, if there is one."""
    histories = (folder / model / "history.csv" for folder in (REPORTED, TUNED))
    return [
        pd.read_csv(history)[f"{measured_on}_accuracy"].to_numpy()
        for history in histories
        if combo == "official" and history.is_file()
    ]


def main() -> None:
    """Write the figure of the systems of which a whole training is stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, help="figure to write, .svg or .png")
    systems = {
        name: system
        for name, system in read_yaml(ROOT / "config/published.yaml").items()
        if (REPORTED / system["model"] / "history.csv").is_file()
    }
    title = "Whole trainings of CIFAR-10's official split, published and ours"
    figure = reproduction_figure(systems, pd.DataFrame(), curves, title)
    save_figure(figure, parser.parse_args().output)


if __name__ == "__main__":
    main()
