"""Histories of runs as event files, which TensorBoard shows."""

import datetime
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import StudyError
from study.runs.history import MEASURES, SPLITS

# TensorBoard's names of a history's columns; it groups them by the word before the slash.
_TAGS = {f"{split}_{measure}": f"{measure}/{split}" for measure in MEASURES for split in SPLITS}
_TAGS |= {"learning_rate": "training/learning_rate", "images_per_s": "training/images_per_s"}


def require_tensorboard() -> None:
    """Raise StudyError, with the command that installs it, unless TensorBoard is there."""
    if importlib.util.find_spec("tensorboard") is None:
        raise StudyError(
            "event files need tensorboard, which is not installed: "
            "python -m pip install 'tensorboard>=2.18'"
        )


def write_events(folder: Path, history: pd.DataFrame, record: Mapping[str, Any]) -> Path:
    """Write the history of a run as the one event file of a folder, and return its path.

    The same history gives the same bytes.

    Args:
        folder: where to.
        history: one row per epoch; values that are not finite are left out.
        record: of the run; its `started` is the time of the first event, the last is as much later
            as the epochs took.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    started = datetime.datetime.fromisoformat(record["started"]).timestamp()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{started:.0f}.partition-study"
    with path.open("wb") as stream:
        writer = RecordWriter(stream)
        writer.write(Event(wall_time=started, file_version="brain.Event:2").SerializeToString())
        times = started + history["seconds"].cumsum()
        for time, row in zip(times, history.to_dict("records"), strict=True):
            values = [
                Summary.Value(tag=tag, simple_value=row[column])
                for column, tag in _TAGS.items()
                if abs(row.get(column, float("nan"))) < float("inf")
            ]
            event = Event(wall_time=time, step=row["epoch"], summary=Summary(value=values))
            writer.write(event.SerializeToString())
        writer.flush()
    return path
