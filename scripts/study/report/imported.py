"""What a reader must know of models whose predictions were made elsewhere."""

from collections.abc import Iterable, Mapping
from typing import Any

from study.runs.run import Run

_SAW = {
    "nothing": "It was trained on no image of this study, as its configuration says.",
    "combo": "It was trained on the training images of each combo and seed, as its configuration "
    "says.",
    "stated": "Its files say which images it was trained on; no test image is among them.",
    "unknown": "Which images it was trained on is unknown, and test images may be among them. So "
    "its accuracy may be too high, and it judges no image.",
}


def imported_note(model: str, record: Mapping[str, Any]) -> str:
    """Return what is to be known of an imported model wherever its numbers are shown.

    Args:
        model: its name.
        record: run.json of one of its runs.
    """
    saw, varies = record["imported"]["saw"], record["recipe"]["architecture"]["varies_with"]
    fixed = [what for what in ("combo", "seed") if what not in varies]
    same = f" Its answers are the same for all {'s and '.join(fixed)}s." if fixed else ""
    if "seed" in fixed:
        same += " So its intervals leave out how it would differ if it were trained again."
    return f"{model} is imported: its predictions were made elsewhere. {_SAW[saw]}{same}"


def imported_notes(runs: Iterable[Run]) -> list[str]:
    """Return the notes on all imported models among these runs."""
    first = {run.model: run.record for run in reversed(list(runs))}
    return [
        imported_note(model, record)
        for model, record in reversed(first.items())
        if "imported" in record
    ]
