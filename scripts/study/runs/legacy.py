"""What goes when every caller has moved to `study.runs.run`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read_runs(path: str | Path) -> "pd.DataFrame":
    """Return the list of runs, in the study's order."""
    import pandas as pd

    return pd.read_csv(path, dtype={"combo": str, "model": str, "seed": int})


def run_folder(folder: str | Path, combo: str, model: str, seed: int) -> Path:
    """Return where a run's files lie below the folder of all runs."""
    return Path(folder, combo, model, f"seed{seed}")
