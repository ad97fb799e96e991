"""What comparisons of two runs and of two studies print alike."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from study.cli.terminal import exact, shown, table
from study.files import read_json
from study.runs.tree import ResultsTree

if TYPE_CHECKING:
    from rich.console import Console


def in_two_columns(where: "Console", title: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Print a table of names and the values that A and B have."""
    where.print()
    cells = [dict(zip((title, "A", "B"), row, strict=True)) for row in rows]
    table(where, [title, "A", "B"], cells, keys=[title], left=["A", "B"], fold=True)


def short(value: Any) -> str:
    """Return a value as it is shown; of a digest its first digits."""
    text = ", ".join(map(exact, value)) if isinstance(value, list) else exact(value)
    return f"{text[:8]}…" if re.fullmatch(r"[0-9a-f]{16,}", text) else text


def number(value: float) -> str:
    """Return a number as it is shown."""
    return shown(value, decimals=4)


def signed(value: float) -> str:
    """Return a difference as it is shown."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{number(abs(value))}"


def p_value(p: float) -> str:
    """Return a p-value as it is shown."""
    return "below 1e-300" if p == 0 else f"{p:.2g}"


def images_digest(results: ResultsTree) -> str | None:
    """Return the digest of a study's images; None before they are decoded."""
    manifest = results.data_manifest
    return read_json(manifest)["sha256"]["images.npy"] if manifest.is_file() else None


def weights_digest(record: Mapping[str, Any]) -> str | None:
    """Return the digest of a run's weights; None if it was not recorded."""
    return record.get("sha256", {}).get("weights")
