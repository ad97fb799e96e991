"""Whether a folder holds the parts of a data set, train/ and test/, in place of its classes."""

import re
from pathlib import Path

from study.data.datasets.image_kinds import is_of_system

_NAMES = {
    "train": "train|training",
    "val": "val|valid|validation|dev",
    "test": "test|testing|eval|evaluation",
}
_PART = re.compile(
    "(?:[a-z]+[ _-])?(?:"
    + "|".join(f"(?P<{part}>{names})" for part, names in _NAMES.items())
    + ")(?:[ _-]?(?:set|data|images))?"
)


def parts_in(root: Path) -> dict[str, Path]:
    """Return the parts that a folder holds, by "train", "val" and "test"; else nothing.

    It holds parts if two or more of its sub-folders are called so, and either there are no others
    or the parts have sub-folders, classes, in common.
    """
    folders = _folders(root)
    found: dict[str, Path] = {}
    for folder in folders:
        match = _PART.fullmatch(folder.name.lower())
        if match:
            found.setdefault(match.lastgroup or "", folder)
    if len(found) < 2:
        return {}
    common = set.intersection(*(classes_in(folder) for folder in found.values()))
    in_order = {part: found[part] for part in _NAMES if part in found}
    return in_order if len(found) == len(folders) or common else {}


def classes_in(folder: Path) -> set[str]:
    """Return the names of a folder's sub-folders."""
    return {entry.name for entry in _folders(folder)}


def images_and_tests(parts: dict[str, Path]) -> tuple[Path | None, Path | None]:
    """Return the part to take as images and the one for tests; None for one that is missing."""
    images, tests = parts.get("train"), parts.get("test") or parts.get("val")
    classes = classes_in(images) if images else set()
    if not classes:
        return None, None
    return images, tests if tests and classes_in(tests) == classes else None


def _folders(root: Path) -> list[Path]:
    try:
        entries = sorted(entry for entry in root.iterdir() if entry.is_dir())
    except OSError:  # listing the images says why
        return []
    return [entry for entry in entries if not is_of_system(entry.name)]
