"""Fashion-MNIST: 70,000 grey images of 28×28 pixels in 10 classes.

They come in four compressed files in the IDX format, which are verified by their md5.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", 2017.
"""

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from study.data.datasets import Dataset, Decoded, Source
from study.data.datasets.verified import SourceFiles
from study.errors import StudyError

if TYPE_CHECKING:  # the workflow asks for the record at every start and needs no numpy for it
    import numpy as np

URLS = ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",)
# As torchvision has them.
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
_SPLITS = {"train": "train", "t10k": "test"}
_BYTES = 8  # IDX's code for unsigned bytes
_FILES = SourceFiles(
    "Fashion-MNIST",
    MD5,
    f"get good copies of {', '.join(MD5)} and give their folder by dataset.archive "
    "in the configuration",
)


def fetch(raw: Path, source: Source) -> None:
    """Put the four verified files into the new folder `raw`.

    They come from the folder `source.archive`, else from the first address that has good ones.

    Raises:
        StudyError: a file is missing or damaged, or no address delivered good ones.
    """
    checksums = _FILES.expected_md5s(source)
    if source.archive is not None:
        contents = {name: _FILES.read(source.archive / name, checksums) for name in MD5}
        _FILES.store(raw, contents, source.archive)
        return
    from study.data.datasets.download import download

    def get(url: str) -> dict[str, bytes]:
        contents = {}
        for name in MD5:
            path = download(
                f"{url.rstrip('/')}/{name}",
                source.scratch,
                what=f"Fashion-MNIST's {name}, 30 MB in all",
                advice=_FILES.advice,
            )
            try:
                contents[name] = _FILES.verified(name, path.read_bytes(), checksums)
            finally:
                path.unlink()
        return contents

    _FILES.store_first_good(raw, source.urls or URLS, get)


def decode(raw: Path, source: Source) -> Decoded:
    """Return the images in the official order: 60,000 for training, then 10,000 for testing.

    Each grey becomes three equal colours.

    Raises:
        StudyError: a file is missing, has another md5, or does not hold what it should.
    """
    import numpy as np

    checksums = _FILES.expected_md5s(source)
    contents = {name: _FILES.read(raw / name, checksums) for name in MD5}
    arrays = {
        name: _idx(name, packed, 3 if "images" in name else 1) for name, packed in contents.items()
    }
    images, labels, source_split, files = [], [], [], []
    for prefix, split in _SPLITS.items():
        grey = arrays[f"{prefix}-images-idx3-ubyte.gz"]
        numbers = arrays[f"{prefix}-labels-idx1-ubyte.gz"]
        if len(grey) != len(numbers) or not np.isin(numbers, range(len(CLASSES))).all():
            raise StudyError(
                f"{raw}: {prefix} has {len(grey)} images and {len(numbers)} labels, "
                f"expected as many and labels 0–{len(CLASSES) - 1}; {_FILES.advice}"
            )
        images.append(grey)
        labels.append(numbers.astype(np.int64))
        source_split += [split] * len(grey)
        files += [f"{prefix}#{row}" for row in range(len(grey))]
    return Decoded(
        images=np.concatenate(images)[..., None].repeat(3, axis=3),
        labels=np.concatenate(labels),
        classes=CLASSES,
        source_split=source_split,
        files=files,
        sources={name: "md5:" + checksums[name] for name in MD5},
    )


def _idx(name: str, packed: bytes, dimensions: int) -> "np.ndarray":
    """Return the array of a compressed IDX file.

    It holds two zeros, a code of the type, the number of dimensions, their sizes, the numbers.
    """
    import numpy as np

    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise StudyError(f"{name}: truncated or damaged ({error}); {_FILES.advice}") from error
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    if content[:4] != bytes([0, 0, _BYTES, dimensions]) or len(content) - start != int(
        np.prod(shape, dtype=object)
    ):
        raise StudyError(
            f"{name}: not an IDX file of bytes in {dimensions} dimensions; {_FILES.advice}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


DATASET = Dataset(
    title=_FILES.title,
    licence="MIT (H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017).",
    n_images=70_000,
    side=28,
    n_classes=len(CLASSES),
    md5=MD5,
    officially_split=True,
    fetch=fetch,
    decode=decode,
)
