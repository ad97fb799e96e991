"""Numbers, texts and images as small pieces of text that the page unpacks when it needs them."""

import base64
import io
import json
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

_TYPES = {1: "u1", 2: "u2", 4: "u4"}
_LOSSLESS_EFFORT = 50


class Part(NamedTuple):
    """One piece of the page's data.

    Attributes:
        name: by which the page asks for it.
        kind: "u1", "u2", "u4" (unsigned integers, little-endian, deflated), "json" (deflated) or
            "image".
        text: base64 of it.
    """

    name: str
    kind: str
    text: str


class Scale(NamedTuple):
    """What codes of a column stand for: low + step · code.

    The largest number of their type stands for nothing.

    Attributes:
        low: value of code 0.
        step: between neighbouring codes; a value is off by half of it at most, and exact where it
            is 1.
        decimals: that are worth showing.
    """

    low: float
    step: float
    decimals: int


def array_part(name: str, array: np.ndarray) -> Part:
    """Return an array of unsigned integers as a part."""
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return Part(name, _TYPES[array.itemsize], _base64(zlib.compress(data, 9)))


def json_part(name: str, value: object) -> Part:
    """Return a value as a part."""
    return Part(
        name, "json", _base64(zlib.compress(json.dumps(value, ensure_ascii=False).encode(), 9))
    )


def image_part(name: str, image: np.ndarray, quality: int | None) -> Part:
    """Return an image, uint8 H×W×3, as a part: WebP of a quality, 0–100, or None: without loss."""
    stream = io.BytesIO()
    settings = (
        {"lossless": True, "quality": _LOSSLESS_EFFORT} if quality is None else {"quality": quality}
    )
    Image.fromarray(image).save(stream, "WEBP", **settings)
    return Part(name, "image", _base64(stream.getvalue()))


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Return images, uint8 n×H×W×3, in rows of `columns`; the rest of the last row is black."""
    n, height, width, _ = images.shape
    rows = -(-n // columns)
    cells = np.zeros((rows * columns, height, width, 3), np.uint8)
    cells[:n] = images
    cells = cells.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return cells.reshape(rows * height, columns * width, 3)


def quantised(values: np.ndarray) -> tuple[np.ndarray, Scale]:
    """Return a column of numbers as codes, and what these stand for.

    Whole numbers stay exact. Others become 65,535 equal steps from the least to the largest.

    Args:
        values: float64, n; NaN where there is none.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), 255, np.uint8), Scale(0.0, 1.0, 0)
    low, high = values[known].min(), values[known].max()
    if (values[known] == np.rint(values[known])).all():
        step, decimals = 1.0, 0
    else:
        step = (high - low) / 65534 or 1.0
        # Six decimals are what hard_examples.csv has.
        decimals = int(np.clip(np.floor(-np.log10(step)), 0, 6))
    # One code more than there are values, for what is missing.
    dtype = np.min_scalar_type(int(np.rint((high - low) / step)) + 1)
    codes = np.full(len(values), np.iinfo(dtype).max, dtype)
    codes[known] = np.rint((values[known] - low) / step)
    return codes, Scale(float(low), float(step), decimals)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
