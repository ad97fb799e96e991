"""The state of an unfinished training on disk: whole, of this training, never executable."""

import hashlib
import io
import pickle
import sys
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from study.files import atomic_path, remove_leftovers

# What a file of any content may raise.
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


def identity(parts: Iterable[Any]) -> str:
    """Return a digest of all that a training depends on: no checkpoint of another one is used."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part}\0".encode())
    return digest.hexdigest()


def save_checkpoint(path: str | Path, key: str, state: dict[str, Any]) -> None:
    """Write the state of a training under its identity `key`, atomically; keep the one before."""
    path = Path(path)
    # Through memory: torch does not pass on why a write failed, such as a full disk.
    content = io.BytesIO()
    torch.save({"key": key, "state": state}, content)
    # A damaged one costs the time since the one before; waiting for the disk costs every epoch.
    with atomic_path(path, lasting=False) as temporary:
        temporary.write_bytes(content.getbuffer())
        if path.exists():
            path.replace(_before(path))


def load_checkpoint(path: str | Path, key: str, device: torch.device) -> dict[str, Any] | None:
    """Return the newest state that was saved under this identity, or None.

    A damaged checkpoint, or one of another training, is passed over with a line on stderr. Training
    then goes on from the one before, which takes its place, or starts again. Nothing but tensors
    and plain values is ever unpickled.
    """
    path = Path(path)
    passed_over = []
    for candidate in filter(Path.exists, (path, _before(path))):
        try:
            state = _read(candidate, key, device)
        except _Unusable as error:
            passed_over.append(f"{candidate}: {error}")
            continue
        if passed_over:
            print(f"{passed_over[0]}; going on from the one before", file=sys.stderr)
        candidate.replace(path)
        return state
    if passed_over:
        print(f"{'; '.join(passed_over)}; starting again", file=sys.stderr)
    return None


def remove_checkpoints(path: str | Path) -> None:
    """Remove what a finished training needs no more: its checkpoints and its growing history."""
    path = Path(path)
    for file in (path, _before(path), growing_history(path)):
        file.unlink(missing_ok=True)
    if path.parent.is_dir():
        remove_leftovers(path)


def growing_history(path: str | Path) -> Path:
    """Return where a training with this checkpoint writes its epochs, after each of them."""
    return Path(path).with_suffix(".history.csv")


def _before(path: Path) -> Path:
    """Return where the checkpoint before the newest lies."""
    return path.with_name(f"{path.stem}.before{path.suffix}")


class _Unusable(Exception):
    pass


def _read(path: Path, key: str, device: torch.device) -> dict[str, Any]:
    """Return the state in a checkpoint, or raise `_Unusable` with the reason."""
    try:
        # torch.load does not look at the checksums of what it reads: a changed bit would pass.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise _Unusable(f"damaged checkpoint ({damaged} has another checksum)")
        saved = torch.load(path, map_location=device, weights_only=True)
        saved_key, state = saved["key"], saved["state"]
    except _UNREADABLE as error:
        raise _Unusable(f"unreadable checkpoint ({type(error).__name__})") from error
    if saved_key != key:
        raise _Unusable(
            "the checkpoint is of another recipe, data, code, processor, library or number of "
            "threads"
        )
    return state
