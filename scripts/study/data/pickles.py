"""Pickles that may hold arrays and nothing else: reading one runs no code of its author's."""

import io
import pickle
from typing import Any


class _ArrayUnpickler(pickle.Unpickler):
    """Loads arrays, containers, numbers and text; refuses all else."""

    # Old and new homes of the same numpy functions.
    _ALLOWED = frozenset(
        (module, name)
        for core in ("numpy.core", "numpy._core")
        for module, name in (
            (f"{core}.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        )
    ) | {("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"refused to load {module}.{name}")
        return super().find_class(module, name)


def load_arrays(content: bytes) -> Any:
    """Return the object of a pickle, in which text that Python 2 wrote stays bytes.

    Raises:
        Exception: `content` is no pickle (a damaged one can fail in any way) or names anything but
            what arrays are made of.
    """
    return _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
