"""Which images are nearly the same: an exact search over all pairs, in two spaces.

Images are compared by the differences between neighbouring pixels, in each channel, divided by
their length: brightness drops out with the mean and contrast with the length. Plain pixels would
not do: most of a photograph's variance lies in its few lowest frequencies, so that any two smooth
skies are close, while differences have about as much of each (D. J. Field, "Relations between the
statistics of natural images and the response properties of cortical cells", JOSA A, 1987).

The differences are never formed. The discrete cosine transform turns them into weights of
frequencies. Let X[u, v] be the orthonormal DCT-II of an H×W channel. The sum of squares of the
differences is then that of X[u, v]² · (4 sin²(πu/2H) + 4 sin²(πv/2W)). The second
space has the first 8×8 of these, what is left of an image at 8×8 pixels. Small shifts, scaling and
compression change them little. Of images with more than 64×64 pixels the first space has the first
64×64 frequencies: what is finer changes with every copy, and memory is limited.
"""

import hashlib
from collections import defaultdict
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.fft import dctn

from study.data.blocks import blocks
from study.errors import StudyError

_ALL, _LOW = 64, 8  # frequencies along each axis, at most
# Cosines of float32 vectors of length 1 are this good or better; pairs are measured in float64.
_ROUNDING = 1e-5
# Values of images that are transformed at once, and pairs that are measured at once, at most.
_TRANSFORMED_AT_ONCE, _MEASURED_AT_ONCE = 2**24, 512


def near_duplicates(images: np.ndarray, threshold: float, block: int = 2048) -> pd.DataFrame:
    """Return all pairs of images that are byte-identical or close in one of the two spaces.

    A distance is the Euclidean one between vectors of length 1, without unit: 0 is the same image
    up to brightness and contrast, √2 unrelated, 2 the negative. What shows nothing beyond the
    rounding to whole grey levels is unrelated to everything, so flat images are not all alike.

    Every pair is compared, in matrix products of `block`×`block` pairs. Beside the images, which
    may lie on disk, this takes 4 bytes for each of their values or, of larger images, of 64×64
    pixels. For 60,000 images of 32×32×3 it takes about 2·10¹³ operations.

    Args:
        images: uint8, N×H×W×C.
        threshold: largest distance; 0 finds byte-identical images only.
        block: images that are compared at once with as many others; another number changes nothing
            but memory and time.

    Returns:
        `image_id` < `other_id`, int64, and `pixel_distance` and `low_frequency_distance`, rounded
        to six decimals. Sorted by the smaller of the two distances, then by image_id and other_id.

    Raises:
        StudyError: the images are no array of that kind, or the threshold is not one.
    """
    if images.ndim != 4 or images.dtype != np.uint8:
        shape = "×".join(map(str, images.shape))
        raise StudyError(
            f"images: expected uint8, N×H×W×C, found {images.dtype}, {shape}; "
            "decode the data set again"
        )
    if not 0 <= threshold < np.sqrt(2):
        raise StudyError(
            f"threshold is {threshold:g}, expected a number from 0 (byte-identical images) "
            "to below 1.41 (unrelated ones)"
        )
    identical = _identical_pairs(images)
    pairs = identical
    if threshold > 0:
        pixels, low = _all_directions(images, block)
        pairs = np.union1d(
            identical,
            np.concatenate([_close_pairs(space, threshold, block) for space in (pixels, low)]),
        )
        del pixels, low
    image_id, other_id = np.divmod(pairs, len(images))
    distances = distances_of_pairs(images, image_id, other_id)
    distances[np.isin(pairs, identical)] = 0
    kept = distances.min(axis=1) <= threshold
    image_id, other_id, distances = image_id[kept], other_id[kept], distances[kept].round(6)
    order = np.lexsort((other_id, image_id, distances.min(axis=1)))
    return pd.DataFrame(
        {
            "image_id": image_id[order],
            "other_id": other_id[order],
            "pixel_distance": distances[order, 0],
            "low_frequency_distance": distances[order, 1],
        }
    )


def _identical_pairs(images: np.ndarray) -> np.ndarray:
    """Return image_id · N + other_id of all byte-identical pairs, int64, ascending."""
    alike = defaultdict(list)
    for start, part in blocks(images):
        for image_id, image in enumerate(part, start):
            alike[hashlib.sha256(image).digest()].append(image_id)
    pairs = [
        first * len(images) + second
        for ids in alike.values()
        for first, second in combinations(ids, 2)
    ]
    return np.sort(np.array(pairs, np.int64))


def _directions(images: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Return what is compared, n×(H·W·C) or n×(64·64·C), and n×(8·8·C) or less.

    Vectors have length 1, or are zeros where nothing shows.
    """
    _, height, width, channels = images.shape
    down, across = (
        4 * np.sin(np.pi * np.arange(size) / (2 * size)) ** 2 for size in (height, width)
    )
    squares = down[:, None] + across[None, :]
    spectrum = dctn(images.astype(dtype), axes=(1, 2), norm="ortho", overwrite_x=True)
    spectrum *= np.sqrt(squares, dtype=dtype)[..., None]
    spaces = []
    for band in (np.s_[:_ALL, :_ALL], np.s_[:_LOW, :_LOW]):
        vectors = spectrum[:, *band].reshape(len(images), -1)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        # Rounding errors are evenly distributed over one grey level: their variance is 1/12.
        rounding = np.sqrt(channels * squares[band].sum() / 12)
        spaces.append(
            np.divide(vectors, length, out=np.zeros_like(vectors), where=length > rounding)
        )
    return spaces[0], spaces[1]


def _all_directions(images: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    n, height, width, channels = images.shape
    pixels = np.empty((n, min(height, _ALL) * min(width, _ALL) * channels), np.float32)
    low = np.empty((n, min(height, _LOW) * min(width, _LOW) * channels), np.float32)
    at_once = max(1, min(block, _TRANSFORMED_AT_ONCE // (height * width * channels)))
    for start, part in blocks(images, at_once):
        stop = start + len(part)
        pixels[start:stop], low[start:stop] = _directions(part, np.float32)
    return pixels, low


def _close_pairs(vectors: np.ndarray, threshold: float, block: int) -> np.ndarray:
    """Return image_id · N + other_id, int64, of all pairs that may be within the threshold."""
    n = len(vectors)
    least = np.float32(1 - threshold**2 / 2 - _ROUNDING)
    pairs = [np.empty(0, np.int64)]
    for top in range(0, n, block):
        for left in range(top, n, block):
            row, column = np.nonzero(
                vectors[top : top + block] @ vectors[left : left + block].T >= least
            )
            row, column = row + top, column + left
            pairs.append((row * n + column)[row < column])
    return np.concatenate(pairs)


def distances_of_pairs(
    images: np.ndarray, image_id: np.ndarray, other_id: np.ndarray
) -> np.ndarray:
    """Return the distances of pairs of images, N×H×W×C, in the two spaces, float64, P×2."""
    distances = np.empty((len(image_id), 2))
    at_once = max(1, min(_MEASURED_AT_ONCE, _TRANSFORMED_AT_ONCE // max(1, images[:1].size)))
    for start in range(0, len(image_id), at_once):
        part = slice(start, start + at_once)
        both = (_directions(images[ids[part]], np.float64) for ids in (image_id, other_id))
        for space, (vectors, others) in enumerate(zip(*both, strict=True)):
            cosines = np.einsum("ij,ij->i", vectors, others)
            distances[part, space] = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    return distances
