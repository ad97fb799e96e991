"""The data sets a study can use: where each comes from and how it becomes one array and one table.

To add one, write a module with `fetch` and `decode` (see `cifar10` and `digits`), and add it to `SIZES`, `SIDES` and `N_CLASSES`, to
`dataset_module` and, if its publisher set test images apart, to `OFFICIALLY_SPLIT`. Images of a user's own need no module: see `own`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from study.data.names import OWN
from study.errors import StudyError

if TYPE_CHECKING:  # the workflow reads this registry at every start and needs no numpy for it
    import numpy as np


@dataclass(frozen=True)
class Source:
    """Where a data set may be taken from.

    Attributes:
        archive: a local archive or extracted folder; tried instead of `urls`.
        urls: addresses tried in turn; empty means the data set's own list.
        checksums: md5 by member file; None means the data set's official ones.
        scratch: folder for partial downloads, which survive an interrupted run.
        images: folder or table of a user's own images.
        test_images: the same for images that are for testing; None for none.
        image_size: height and width that a user's own images get, pixels.
        fit: how they get it, see `study.data.datasets.pictures.read_picture`.
        digest: of the user's images as they were listed; "" if it does not matter.
        skip_broken: whether to go on without images that cannot be used.
        problems: where a user finds these listed.
    """

    archive: Path | None = None
    urls: tuple[str, ...] = ()
    checksums: dict[str, str] | None = None
    scratch: Path = Path("scratch")
    images: Path | None = None
    test_images: Path | None = None
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
        fit: how images of any size became of this size, see `study.data.datasets.pictures.read_picture`; None where the publisher has done that.
    """

    images: "np.ndarray"
    labels: "np.ndarray"
    classes: list[str]
    source_split: list[str]
    files: list[str]
    sources: dict[str, str] = field(default_factory=dict)
    fit: str | None = None


# Number of images of each data set in its official form; the workflow reads it at every start, so it is plain.
SIZES = {"cifar10": 60_000, "cifar100": 60_000, "fashion_mnist": 70_000, "digits": 1_797}
# Height and width of their images, pixels.
SIDES = {"cifar10": 32, "cifar100": 32, "fashion_mnist": 28, "digits": 32}
# And their number of classes.
N_CLASSES = {"cifar10": 10, "cifar100": 100, "fashion_mnist": 10, "digits": 10}
# Those that their publishers divided into images for training and for testing.
OFFICIALLY_SPLIT = ("cifar10", "cifar100", "fashion_mnist")


def dataset_module(name: str) -> ModuleType:
    """Return the module of a registered data set.

    It offers `fetch(raw, source)`, which puts verified source files into the new folder `raw`, and
    `decode(raw, source)`, which verifies them again and turns them into a `Decoded`.

    Raises:
        StudyError: there is no such data set.
    """
    from study.data.datasets import cifar10, cifar100, digits, fashion_mnist, own

    modules = {
        "cifar10": cifar10,
        "cifar100": cifar100,
        "fashion_mnist": fashion_mnist,
        "digits": digits,
        **dict.fromkeys(OWN, own),
    }
    if name not in modules:
        raise StudyError(f"dataset.name is {name!r}; expected one of {', '.join(modules)}")
    return modules[name]
