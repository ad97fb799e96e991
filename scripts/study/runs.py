"""The list of a study's runs, and where each lies."""

from pathlib import Path
from typing import TYPE_CHECKING

from study.wording import counted

if TYPE_CHECKING:  # whoever asks where a run lies need not wait for pandas
    import pandas as pd


def read_runs(path: str | Path) -> "pd.DataFrame":
    """Return the list of runs, in the study's order: `combo` and `model`, text, and `seed`, int."""
    import pandas as pd

    return pd.read_csv(path, dtype={"combo": str, "model": str, "seed": int})


def run_folder(folder: str | Path, combo: str, model: str, seed: int) -> Path:
    """Return where a run's files lie below the folder of all runs."""
    return Path(folder, combo, model, f"seed{seed}")


def n_of(n: int, n_runs: int) -> str:
    """Return how many of a study's runs count, such as "30 runs" or "29 of 30 runs, 1 diverged"."""
    if n == n_runs:
        return counted(n, "run")
    return f"{n:,} of {counted(n_runs, 'run')}, {n_runs - n:,} diverged"
