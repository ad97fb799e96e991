"""The data sets a study can use, found by name: each module here with a record is one.

To add one, write `<name>.py` with its record, `DATASET = Dataset(…)`; see `digits` and `cifar10`.
Nothing else knows of it: a module is imported when its data set is asked for, and only then.
"""

import ast
import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from study.code import parsed
from study.data.names import OWN
from study.errors import StudyError

if TYPE_CHECKING:  # the workflow asks for data sets at every start and needs no numpy for it
    import numpy as np

# The module of the data sets that are folders and tables of your own images.
_MODULE_OF_OWN = "own"


@dataclass(frozen=True)
class Source:
    """Where a data set may be taken from.

    Attributes:
        archive: a local archive or extracted folder; tried instead of `urls`.
        urls: addresses tried in turn; empty means the data set's own list.
        checksums: md5 by member file; None means the data set's official ones.
        scratch: folder for partial downloads, which survive an interrupted run.
        images: folder or table of your own images.
        test_images: the same for images that are for testing; None for none.
        group: pattern that finds the group of your own images in their paths; "" for none.
        classes: which classes of your own images are merged, renamed or left out, see
            `study.data.datasets.image_classes`.
        image_size: height and width that your own images get, pixels.
        fit: how they get it, see `study.data.datasets.pictures.read_picture`.
        digest: of your images as they were listed; "" if it does not matter.
        skip_broken: whether to go on without images that cannot be used.
        problems: where a user finds these listed.
    """

    archive: Path | None = None
    urls: tuple[str, ...] = ()
    checksums: dict[str, str] | None = None
    scratch: Path = Path("scratch")
    images: Path | None = None
    test_images: Path | None = None
    group: str = ""
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    image_size: int = 32
    fit: str = "resize"
    digest: str = ""
    skip_broken: bool = False
    problems: Path | None = None


@dataclass(frozen=True)
class Decoded:
    """A decoded data set; position i in every field is image_id i.

    Attributes:
        images: uint8, N×H×W×3, RGB.
        labels: int64, N, indices into `classes`.
        classes: class names in label order.
        source_split: "train" or "test" for each image, as its publisher has it.
        files: name of each image at its publisher.
        sources: digest of each source file.
        fit: how images of any size got this one, see `study.data.datasets.pictures.read_picture`;
            None where the publisher has done that.
        groups: name of each image's group; None where images are not grouped.
    """

    images: "np.ndarray"
    labels: "np.ndarray"
    classes: list[str]
    source_split: list[str]
    files: list[str]
    sources: dict[str, str] = field(default_factory=dict)
    fit: str | None = None
    groups: list[str] | None = None


@dataclass(frozen=True)
class Dataset:
    """What the project knows of a data set, and how it gets and reads it.

    Attributes:
        title: its name as its publisher writes it.
        licence: what its publisher allows, with the source.
        officially_split: whether its publisher set test images apart.
        fetch: puts verified source files into a new folder, the first argument.
        decode: verifies the files of that folder again and turns them into a `Decoded`.
        n_images: number of images in its official form; None of your own images.
        side: height and width of an image, pixels; None of your own images.
        n_classes: number of classes; None of your own images.
        md5: of each official source file; empty where nothing is fetched.
    """

    title: str
    licence: str
    officially_split: bool
    fetch: Callable[[Path, Source], None]
    decode: Callable[[Path, Source], Decoded]
    n_images: int | None = None
    side: int | None = None
    n_classes: int | None = None
    md5: Mapping[str, str] = field(default_factory=dict)


@functools.cache
def dataset_names() -> tuple[str, ...]:
    """Return the names of all data sets, those of your own images last; nothing is imported."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    published = (path.stem for path in modules if _has_record(path))
    return (*(name for name in published if name != _MODULE_OF_OWN), *OWN)


def _has_record(path: Path) -> bool:
    assignments = (node for node in parsed(path).body if isinstance(node, ast.Assign))
    targets = [target for node in assignments for target in node.targets]
    return any(getattr(target, "id", "") == "DATASET" for target in targets)


def check_dataset_name(name: str) -> None:
    """Check that there is a data set of this name.

    Raises:
        StudyError: there is none; the line names all that there are.
    """
    if name not in dataset_names():
        raise StudyError(f'dataset.name is "{name}", expected one of {", ".join(dataset_names())}')


def dataset_modules(name: str) -> list[str]:
    """Return the modules that are imported by name for a data set, for digests of code."""
    check_dataset_name(name)
    return [f"study.data.datasets.{_MODULE_OF_OWN if name in OWN else name}"]


def dataset(name: str) -> Dataset:
    """Return the record of a data set.

    Raises:
        StudyError: there is no such data set.
    """
    (module,) = dataset_modules(name)
    return importlib.import_module(module).DATASET
