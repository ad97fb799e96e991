"""CIFAR-10 and CIFAR-100 in their "python version": pickled batches, verified file by file.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.data.datasets import Decoded, Source
from study.data.datasets.verified import SourceFiles
from study.data.pickles import load_arrays
from study.errors import StudyError

LICENCE = (
    "its publisher states none (A. Krizhevsky, Learning Multiple Layers of Features from Tiny "
    "Images, 2009, <https://www.cs.toronto.edu/~kriz/cifar.html>); the images were collected from "
    "the web."
)


@dataclass(frozen=True)
class Cifar:
    """What sets the two data sets apart.

    Attributes:
        title: its name as its publisher writes it.
        archive: file name of the official archive.
        folder: in which it keeps its files.
        urls: where it can be had.
        train: names of the files with training images, in their order.
        test: name of the file with test images.
        meta: name of the file with the names of the classes.
        labels: the field of a batch that holds the labels.
        label_names: the field of `meta` that holds their names.
        md5: official digest of each file that is read.
        variable: environment variable that may name a local archive; "" for none.
    """

    title: str
    archive: str
    folder: str
    urls: tuple[str, ...]
    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    label_names: str
    md5: Mapping[str, str]
    variable: str = ""

    @property
    def files(self) -> SourceFiles:
        """The files that are read."""
        return SourceFiles(self.title, self.md5, self.advice)

    @property
    def advice(self) -> str:
        """What a user can do for want of a good archive."""
        advice = (
            f"get a good copy of {self.archive} and give its path by dataset.archive "
            "in the configuration"
        )
        return (
            f"{advice} or by the environment variable {self.variable}" if self.variable else advice
        )


def decode(cifar: Cifar, raw: Path, source: Source) -> Decoded:
    """Return the images in the official order: training batches, then the test batch.

    Each file is read once, its md5 is checked, and only then are those same bytes unpickled, by an
    unpickler that can build arrays and nothing else.

    Raises:
        StudyError: a file is missing, has another md5, or does not hold what a batch holds.
    """
    import numpy as np

    checksums = cifar.files.expected_md5s(source)
    contents = {name: cifar.files.read(raw / name, checksums) for name in cifar.md5}
    meta = _unpickle(cifar, cifar.meta, contents[cifar.meta])
    classes = [_text(name) for name in _field(cifar, cifar.meta, meta, cifar.label_names)]
    batches = {name: _unpickle(cifar, name, contents[name]) for name in (*cifar.train, cifar.test)}
    counts = [len(_field(cifar, name, batch, cifar.labels)) for name, batch in batches.items()]
    images = np.empty((sum(counts), 32, 32, 3), np.uint8)
    labels, files = [], []
    for (name, batch), count in zip(batches.items(), counts, strict=True):
        data, names = _field(cifar, name, batch, "data"), _field(cifar, name, batch, "filenames")
        numbers = np.asarray(batch[cifar.labels])
        form = (np.shape(data), getattr(data, "dtype", None), len(names))
        if (
            form != ((count, 3072), np.uint8, count)
            or not np.isin(numbers, range(len(classes))).all()
        ):
            raise StudyError(
                f"{raw / name}: expected uint8 data of {count}×3072, as many file names and "
                f"labels 0–{len(classes) - 1}; {cifar.advice}"
            )
        # A row holds three colour planes, one after the other.
        planes = data.reshape(count, 3, 32, 32)
        images[len(files) : len(files) + count] = planes.transpose(0, 2, 3, 1)
        labels.append(numbers)
        files += [f"{name}/{_text(file)}" for file in names]
    return Decoded(
        images=images,
        labels=np.concatenate(labels).astype(np.int64),
        classes=classes,
        source_split=["train"] * sum(counts[:-1]) + ["test"] * counts[-1],
        files=files,
        sources={name: "md5:" + checksums[name] for name in cifar.md5},
    )


def _unpickle(cifar: Cifar, name: str, content: bytes) -> dict[Any, Any]:
    try:
        value = load_arrays(content)
    except Exception as error:  # a pickle can fail in any way; all mean the same here
        raise StudyError(f"{name}: not a {cifar.title} batch ({error}); {cifar.advice}") from error
    if not isinstance(value, dict):
        raise StudyError(
            f"{name}: not a {cifar.title} batch (holds a {type(value).__name__}, not a dict); "
            f"{cifar.advice}"
        )
    return {_text(key): item for key, item in value.items()}


def _field(cifar: Cifar, name: str, batch: dict[str, Any], key: str) -> Any:
    if key not in batch:
        raise StudyError(f"{name}: not a {cifar.title} batch (no {key!r}); {cifar.advice}")
    return batch[key]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
