"""The embedded data set: scikit-learn's 1,797 handwritten digits, to try a study without network.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (its test
part), 8×8 pixels with 17 grey levels.
"""

import shutil
from importlib.resources import files
from pathlib import Path

from study.data.datasets import Dataset, Decoded, Source
from study.files import file_digest

CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_FILE = "digits.csv.gz"
_SCALE = 4  # 8×8 → 32×32, the size the models are made for


def fetch(raw: Path, source: Source) -> None:
    """Copy the digits that ship with scikit-learn into the new folder `raw`."""
    raw.mkdir(parents=True)
    with (
        files("sklearn.datasets.data").joinpath(_FILE).open("rb") as packed,
        (raw / _FILE).open("wb") as copy,
    ):
        shutil.copyfileobj(packed, copy)


def decode(raw: Path, source: Source) -> Decoded:
    """Return the digits as 32×32 RGB images; all are "train".

    Their grey levels 0–16 are spread over 0–255.
    """
    import numpy as np

    path = raw / _FILE
    table = np.loadtxt(path, delimiter=",", dtype=np.int64)
    pixels = (table[:, :-1].reshape(-1, 8, 8) * 255 + 8) // 16
    large = pixels.astype(np.uint8).repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
    images = np.ascontiguousarray(np.broadcast_to(large[..., None], (*large.shape, 3)))
    return Decoded(
        images=images,
        labels=table[:, -1],
        classes=CLASSES,
        source_split=["train"] * len(images),
        files=[f"{_FILE}#{row}" for row in range(len(images))],
        sources={_FILE: "sha256:" + file_digest(path)},
    )


DATASET = Dataset(
    title="Optical Recognition of Handwritten Digits",
    licence="CC BY 4.0 (E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, "
    "UCI, 1998).",
    n_images=1_797,
    side=32,
    n_classes=len(CLASSES),
    officially_split=False,
    fetch=fetch,
    decode=decode,
)
