"""Image files of any kind and size as the arrays that a study's models take."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.data.datasets.listing import SUFFIXES
from study.data.datasets.pictures import Unusable, read_picture
from study.errors import StudyError


def find_images(names: Sequence[str | Path]) -> list[Path]:
    """Return the named files, and of folders, searched to the bottom, all that a study of own images would take, sorted.

    Raises:
        StudyError: a name is of nothing, or a folder holds no image.
    """
    paths: list[Path] = []
    for name in map(Path, names):
        if not name.exists():
            raise StudyError(f"{name}: no such file or folder")
        found = [name]
        if name.is_dir():
            found = sorted(
                path
                for path in name.rglob("*")
                if path.suffix.lower() in SUFFIXES and path.is_file()
            )
            if not found:
                raise StudyError(
                    f"{name}: a folder without images; expected files such as .png or .jpg in it"
                )
        paths += found
    return paths


def fit_of(manifest: Mapping[str, Any]) -> str:
    """Return how a data set's images became of one size, by its manifest; "crop" where its publisher had made them so."""
    return manifest.get("fit") or "crop"


def read_image(path: Path, shape: Sequence[int], fit: str) -> np.ndarray:
    """Return an image file as uint8 H×W×C, made as a study of own images makes its: see `study.data.datasets.pictures.read_picture`.

    Args:
        path: of the file.
        shape: (H, W, C) that is wanted.
        fit: "resize" or "crop".

    Raises:
        StudyError: it cannot be read, and why.
    """
    height, width, channels = shape
    if channels != 3:
        raise StudyError(
            f"the models of this study take images with {channels} channels, which image files do not become"
        )
    try:
        return read_picture(path.read_bytes(), height, width, fit).pixels
    except Unusable as error:
        raise StudyError(f"{path}: {error}") from error
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
