"""Which of your own images a folder or a table names.

A folder has a sub-folder for each class. A table is a CSV file with the columns path and label,
whose paths start at its own folder. The workflow asks at every start, so numpy is not imported.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from study.data.datasets.folder_parts import images_and_tests, parts_in
from study.data.datasets.image_classes import with_classes
from study.data.datasets.image_groups import grouped_by
from study.data.datasets.image_kinds import HEIF, is_image, is_of_system, reads_heif
from study.data.datasets.image_names import Listed, check_label, composed
from study.data.datasets.image_table import images_in_table
from study.errors import StudyError
from study.files import with_home
from study.wording import counted


class Listing(NamedTuple):
    """All images of a data set, ordered by split, class and file: the same on every machine.

    Attributes:
        classes: names in label order, which is that of their characters.
        images: training images before test images.
        ignored: how many other files lie there, by suffix.
    """

    classes: list[str]
    images: list[Listed]
    ignored: Counter[str]


def list_images(
    path: str | Path,
    test_path: str | Path = "",
    group: str = "",
    classes: Mapping[str, Sequence[str]] | None = None,
) -> Listing:
    """List the images of a folder or table, and those of another one for testing.

    Args:
        path: folder with a sub-folder for each class, or table with the columns path and label.
        test_path: the same with images that are for testing; empty for none.
        group: pattern that finds an image's group in its path below the folder; empty for none.
        classes: the classes to merge, rename or leave out, see `with_classes`.

    Raises:
        StudyError: there is nothing there, or there are fewer than two classes. Or a class has no
            image or an unusable name, a table has another form or names a file outside its folder,
            or the test images have other classes. Or these are training images too, or only some
            images have a group.
    """
    ignored: Counter[str] = Counter()
    images = sorted(_listed("dataset.path", with_home(path), "train", ignored))
    tests = []
    if str(test_path):
        tests = sorted(_listed("dataset.test_path", with_home(test_path), "test", ignored))
    if classes:
        renamed = sorted(with_classes([*images, *tests], classes))
        images, tests = (
            [image for image in renamed if image.split == split] for split in ("train", "test")
        )
    names = sorted({image.label for image in images})
    if len(names) < 2:
        content = f"one class, {names[0]!r}" if names else "no images"
        raise StudyError(
            f"dataset.path: {path} holds {content}; expected at least two classes, "
            f"each a sub-folder (or label) with images in it{_deeper(with_home(path), names)}"
        )
    if str(test_path):
        tested = {image.label for image in tests}
        for label in sorted(tested.symmetric_difference(names)):
            where, lacks = (test_path, path) if label in tested else (path, test_path)
            raise StudyError(
                f"dataset.test_path: the class {label!r} is in {where} but not in {lacks}; "
                "expected the same classes in both"
            )
        _check_apart(images, tests, test_path)
        images += tests
    if group:
        images = grouped_by(images, group)
    alone = next((image.file for image in images if not image.group), "")
    if alone and any(image.group for image in images):
        raise StudyError(
            f"dataset.test_path: the images of one table have a column group and {alone} has none; "
            "expected it for all images or for none"
        )
    return Listing(names, images, ignored)


def _check_apart(images: Sequence[Listed], tests: Sequence[Listed], test_path: str | Path) -> None:
    """Refuse test images that are training images, by whatever path or link."""
    trained = {_identity(image.path) for image in images} - {None}
    # Most are told apart without following every link in their paths, which takes long.
    suspects = [image for image in tests if _identity(image.path) in trained]
    files = {os.path.realpath(image.path) for image in images} if suspects else set()
    both = [image.file for image in suspects if os.path.realpath(image.path) in files]
    if both:
        raise StudyError(
            f"dataset.test_path: {counted(len(both), 'image')} of {test_path} would be for "
            f"training too, such as {both[0]}; expected images that dataset.path does not have"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and number of a file; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _deeper(root: Path, classes: list[str]) -> str:
    """Return a hint at the folder of classes in the only folder that there is, if any."""
    deeper = root / classes[0] if classes else root
    has_folders = deeper != root and deeper.is_dir() and any(map(Path.is_dir, deeper.iterdir()))
    return f"; did you mean {deeper}?" if has_folders else ""


def _listed(key: str, path: Path, split: str, ignored: Counter[str]) -> Iterator[Listed]:
    if path.is_dir():
        return _in_folder(key, path, split, ignored)
    if path.is_file():
        return images_in_table(key, path, split)
    raise StudyError(
        f"{key}: {path} does not exist; expected a folder with a sub-folder of images for each "
        "class, or a CSV file with the columns path,label"
    )


def _in_folder(key: str, root: Path, split: str, ignored: Counter[str]) -> Iterator[Listed]:
    _check_parts(key, root)
    names: dict[str, str] = {}
    unusable: dict[str, str] = {}
    for entry in _entries(root, key):
        if not entry.is_dir():
            ignored["beside the folders of classes"] += 1
            continue
        label = composed(entry.name)
        check_label(label, f"{key}: {root}")
        if label in names:
            raise StudyError(
                f"{key}: {root} has two folders that read {label!r}, in different Unicode forms; "
                "rename one"
            )
        names[label] = entry.name
        kinds: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for path in files_below(Path(entry.path), key, (_identity(root),)):
            kind = path.suffix.lower() or "without suffix"
            if not is_image(path):
                others[kind] += 1
                continue
            kinds[kind] += 1
            yield Listed(split, label, composed(path.relative_to(root).as_posix()), path)
        if problem := _without_images(f"{key}: {entry.path}", kinds, others):
            unusable[label] = problem
        ignored.update(others)
    if unusable:
        first, *rest = unusable
        more = f"; the same with {', '.join(rest[:8])}" + " …" * (len(rest) > 8)
        raise StudyError(unusable[first] + more * bool(rest))


def _check_parts(key: str, root: Path) -> None:
    """Refuse a folder of train/ and test/, which would be taken for classes."""
    parts = parts_in(root)
    if not parts:
        return
    images, tests = images_and_tests(parts)
    if images:
        advice = f"write path: {images}" + (f" and test_path: {tests}" if tests else "")
    else:
        advice = "expected a folder with a sub-folder of images for each class"
    raise StudyError(
        f"{key}: {root} holds {named(parts)}, which look like parts of a data set and not like "
        f"classes; {advice} (if they are your classes, give a table: name: csv)"
    )


def named(parts: dict[str, Path]) -> str:
    """Return the names of folders as a text, such as "train/ and test/"."""
    *first, last = (f"{folder.name}/" for folder in parts.values())
    return f"{', '.join(first)} and {last}" if first else last


def _without_images(where: str, kinds: Counter[str], others: Counter[str]) -> str:
    """Return what is wrong with a class that has no image which can be read here, else ""."""
    if not kinds:
        found = ", ".join(f"{count:,} {kind}" for kind, count in sorted(others.items()))
        return (
            f"{where} holds no image{f', only {found}' if found else ''}; "
            "add images of this class, or remove the folder"
        )
    if kinds.keys() <= HEIF and not reads_heif():
        found = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        return (
            f"{where} holds no image that can be read here, only {found} (photographs of a phone); "
            "install pillow-heif, which reads them (pip install pillow-heif), or save them as JPEG"
        )
    return ""


def _entries(folder: Path, key: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, sorted by name; what is hidden or of a system is left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not is_of_system(entry.name)),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise StudyError(
            f"{key}: {folder} cannot be read ({error.strerror}); make it readable, or remove it"
        ) from error


def files_below(
    folder: Path, key: str, above: tuple[tuple[int, int] | None, ...] = ()
) -> Iterator[Path]:
    """Yield the files at any depth that are neither hidden nor of a system; links are followed.

    Args:
        folder: to look in.
        key: what messages begin with.
        above: device and number of each folder that it lies in.

    Raises:
        StudyError: a folder cannot be read.
    """
    identity = _identity(folder)
    if identity in above:  # a link to a folder that it lies in
        return
    for entry in _entries(folder, key):
        if entry.is_dir():
            yield from files_below(Path(entry.path), key, (*above, identity))
        else:
            yield Path(entry.path)
