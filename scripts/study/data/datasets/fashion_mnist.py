"""Fashion-MNIST: 70,000 grey images of 28×28 pixels in 10 classes.

They come in four compressed files in the IDX format, which are verified by their md5.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", 2017.
"""

import gzip
import hashlib
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from study.data.datasets import Dataset, Decoded, Source
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
_ADVICE = (
    f"get good copies of {', '.join(MD5)} and give their folder by dataset.archive "
    "in the configuration"
)


def fetch(raw: Path, source: Source) -> None:
    """Put the four verified files into the new folder `raw`.

    They come from the folder `source.archive`, else from the first address that has good ones.

    Raises:
        StudyError: a file is missing or damaged, or no address delivered good ones.
    """
    checksums = _expected(source)
    if source.archive is not None:
        contents = {name: _read(source.archive / name, checksums) for name in MD5}
        origin = str(source.archive)
    else:
        contents, origin = _downloaded(source, checksums)
    raw.mkdir(parents=True)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    print(
        f"took Fashion-MNIST from {origin}; all {len(MD5)} files have the expected md5",
        file=sys.stderr,
    )


def _downloaded(source: Source, checksums: dict[str, str]) -> tuple[dict[str, bytes], str]:
    from study.data.datasets.download import download

    problems = []
    for url in source.urls or URLS:
        contents = {}
        try:
            for name in MD5:
                address = f"{url.rstrip('/')}/{name}"
                path = download(
                    address,
                    source.scratch,
                    what=f"Fashion-MNIST's {name}, 30 MB in all",
                    advice=_ADVICE,
                )
                try:
                    contents[name] = _verified(name, path.read_bytes(), checksums)
                finally:
                    path.unlink()
        except StudyError as problem:
            problems.append(f"{url}: {problem}")
            continue
        return contents, url
    raise StudyError(f"no source delivered Fashion-MNIST ({'; '.join(problems)}); {_ADVICE}")


def decode(raw: Path, source: Source) -> Decoded:
    """Return the images in the official order: 60,000 for training, then 10,000 for testing.

    Each grey becomes three equal colours.

    Raises:
        StudyError: a file is missing, has another md5, or does not hold what it should.
    """
    import numpy as np

    checksums = _expected(source)
    arrays = {
        name: _idx(name, _read(raw / name, checksums), 3 if "images" in name else 1) for name in MD5
    }
    images, labels, source_split, files = [], [], [], []
    for prefix, split in _SPLITS.items():
        grey = arrays[f"{prefix}-images-idx3-ubyte.gz"]
        numbers = arrays[f"{prefix}-labels-idx1-ubyte.gz"]
        if len(grey) != len(numbers) or not np.isin(numbers, range(len(CLASSES))).all():
            raise StudyError(
                f"{raw}: {prefix} has {len(grey)} images and {len(numbers)} labels, "
                f"expected as many and labels 0–{len(CLASSES) - 1}; {_ADVICE}"
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


def _expected(source: Source) -> dict[str, str]:
    checksums = MD5 if source.checksums is None else source.checksums
    missing = [name for name in MD5 if name not in checksums]
    if missing:
        raise StudyError(
            f"dataset.checksums has no md5 for {', '.join(missing)}; write one line "
            f"'<md5> <file name>' for each of {', '.join(MD5)}"
        )
    return checksums


def _read(path: Path, checksums: dict[str, str]) -> bytes:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise StudyError(
            f"{path}: missing; expected a folder with {', '.join(MD5)}; {_ADVICE}"
        ) from None
    return _verified(path.name, content, checksums)


def _verified(name: str, content: bytes, checksums: dict[str, str]) -> bytes:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != checksums[name]:
        raise StudyError(
            f"{name}: md5 is {md5}, expected {checksums[name]}: the file is damaged; {_ADVICE}"
        )
    return content


def _idx(name: str, packed: bytes, dimensions: int) -> "np.ndarray":
    """Return the array of a compressed IDX file.

    It holds two zeros, a code of the type, the number of dimensions, their sizes, the numbers.
    """
    import numpy as np

    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise StudyError(f"{name}: truncated or damaged ({error}); {_ADVICE}") from error
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    if content[:4] != bytes([0, 0, _BYTES, dimensions]) or len(content) - start != int(
        np.prod(shape, dtype=object)
    ):
        raise StudyError(f"{name}: not an IDX file of bytes in {dimensions} dimensions; {_ADVICE}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


DATASET = Dataset(
    title="Fashion-MNIST",
    licence="MIT (H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017).",
    n_images=70_000,
    side=28,
    n_classes=len(CLASSES),
    md5=MD5,
    officially_split=True,
    fetch=fetch,
    decode=decode,
)
