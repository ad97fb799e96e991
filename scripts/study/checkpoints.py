"""The state of an unfinished training on disk: whole, its own, and never executable."""

import hashlib
import pickle
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from study.files import atomic_path


def identity(parts: Iterable[Any]) -> str:
    """Return a digest of everything a training depends on; another digest makes another checkpoint of no use."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part}\0".encode())
    return digest.hexdigest()


def save_checkpoint(path: str | Path, key: str, state: dict[str, Any]) -> None:
    """Write the state of a training under the identity `key`, atomically."""
    with atomic_path(path) as temporary:
        torch.save({"key": key, "state": state}, temporary)


def load_checkpoint(path: str | Path, key: str, device: torch.device) -> dict[str, Any] | None:
    """Return the state that was saved under this identity, or None.

    A damaged checkpoint, or one of another training, is passed over with a line on stderr: training starts anew.
    Nothing but tensors and plain values is ever unpickled.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        found, state = saved["key"], saved["state"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        print(f"{path}: unreadable checkpoint ({type(error).__name__}); starting anew", file=sys.stderr)
        return None
    if found != key:
        print(f"{path}: the checkpoint is of another recipe, data or code; starting anew", file=sys.stderr)
        return None
    return state
