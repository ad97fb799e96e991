"""Image files of any kind and size as the arrays that a study's models take."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.data.datasets.image_kinds import is_image
from study.data.datasets.listing import files_below
from study.data.datasets.pictures import Unusable, read_picture
from study.errors import StudyError


def find_images(names: Sequence[str | Path]) -> list[Path]:
    """Return the named files, and of folders all images at any depth, sorted.

    Images are the files that a study of your own images would take.

    Raises:
        StudyError: a name is of nothing, or a folder holds no image.
    """
    paths: list[Path] = []
    for name in map(Path, names):
        if not name.exists():
            raise StudyError(f"{name}: no such file or folder")
        paths += _images_below(name) if name.is_dir() else [name]
    return paths


def _images_below(folder: Path) -> list[Path]:
    images = sorted(filter(is_image, files_below(folder, "images")))
    if not images:
        raise StudyError(
            f"{folder}: a folder without images; expected files such as .png or .jpg in it"
        )
    return images


def fit_of(manifest: Mapping[str, Any]) -> str:
    """Return how a data set's images got one size, by its manifest; "crop" if by its publisher."""
    return manifest.get("fit") or "crop"


def read_image(path: Path, shape: Sequence[int], fit: str) -> np.ndarray:
    """Return an image file as uint8 H×W×3, made as a study of your own images makes it.

    Args:
        path: of the file; see `study.data.datasets.pictures.read_picture`.
        shape: (H, W, 3) that is wanted.
        fit: "resize" or "crop".

    Raises:
        StudyError: it cannot be read, and why.
    """
    try:
        return read_picture(path.read_bytes(), *shape[:2], fit).pixels
    except Unusable as error:
        raise StudyError(f"{path}: {error}") from error
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
