"""Where images lie by what a network says of them: a plane, the nearest others, and outliers.

Features are compared by the cosine of their leading principal components. Few components say nearly
all, and comparing all pairs of images takes seconds with them.
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from study.errors import StudyError
from study.files import read_arrays, reading
from study.seeds import stream_seed

COMPONENTS = 64
# Features of more dimensions are projected to as many: distances stay about the same.
DIMENSIONS = 512
NEAREST = 10
# UMAP's own default.
UMAP_NEIGHBOURS = 15
_BLOCK = 1024


class Relations(NamedTuple):
    """What the features of N images say of them.

    Attributes:
        points: float32, N×C; the leading principal components, of length 1. Of a map by `pca`, the
            first two components before they get this length are `plane`.
        plane: float32, N×2; for a map. Of principal components, the first axis is the one along
            which images differ most; UMAP's axes mean nothing.
        nearest: int64, N×k; image_ids of the most alike images, nearest first.
        distance: float32, N×k; 1 - cosine, 0 to 2.
    """

    points: np.ndarray
    plane: np.ndarray
    nearest: np.ndarray
    distance: np.ndarray

    @property
    def outlier_distance(self) -> np.ndarray:
        """Return the mean distance to the k most alike images, float32 N: large for an outlier."""
        return self.distance.mean(axis=1)


def relations(features: np.ndarray, map_by: str = "pca") -> Relations:
    """Return what features say of their images.

    Args:
        features: float16, N×D; may lie on disk. N ≥ 2.
        map_by: what places images on the map, `pca` or `umap`; nothing else depends on it. With 15
            images or fewer UMAP has too few neighbours, and components place them.

    Source of the outliers' distance: S. Ramaswamy et al., "Efficient Algorithms for Mining Outliers
    from Large Data Sets", SIGMOD 2000 (here the mean over the k nearest). Of the other map:
    L. McInnes, J. Healy, J. Melville, "UMAP: Uniform Manifold Approximation and Projection for
    Dimension Reduction", 2018.

    Raises:
        StudyError: `umap` is asked for and its library is not installed.
    """
    if map_by == "umap":
        _require_umap()
    components = principal_components(features)
    length = np.linalg.norm(components, axis=1, keepdims=True)
    points = (components / np.maximum(length, np.finfo(np.float32).tiny)).astype(np.float32)
    by_umap = map_by == "umap" and len(points) > UMAP_NEIGHBOURS
    plane = _umap_plane(points) if by_umap else _first_two(components)
    return Relations(points, plane, *_nearest(points, min(NEAREST, len(points) - 1)))


def _require_umap() -> None:
    if importlib.util.find_spec("umap") is None:
        raise StudyError(
            "gallery_map: umap needs umap-learn, not installed here: python -m pip install "
            "'umap-learn>=0.5.7' (and in envs/analysis.yaml for conda), or write gallery_map: pca"
        )


def _first_two(components: np.ndarray) -> np.ndarray:
    plane = np.zeros((len(components), 2), np.float32)
    plane[:, : min(2, components.shape[1])] = components[:, :2]
    return plane


def _umap_plane(points: np.ndarray) -> np.ndarray:
    """Return where UMAP places images on a plane by the cosine, float32 N×2, the same each time."""
    from umap import UMAP

    # With a seed UMAP takes one thread, and says so in a warning unless told to.
    placed = UMAP(n_neighbors=UMAP_NEIGHBOURS, metric="cosine", random_state=0, n_jobs=1)
    return placed.fit_transform(points).astype(np.float32)


def principal_components(features: np.ndarray) -> np.ndarray:
    """Return at most `COMPONENTS` principal components of features of length 1, float64 N×C.

    Each component points to where its largest loading is positive.
    """
    n, size = features.shape
    mean, square = np.zeros(size), np.zeros((size, size))
    blocks = [slice(start, start + _BLOCK) for start in range(0, n, _BLOCK)]
    for block in blocks:
        unit = _of_length_1(features[block])
        mean += unit.sum(axis=0) / n
        square += unit.T @ unit / n
    _, axes = np.linalg.eigh(square - np.outer(mean, mean))
    axes = axes[:, ::-1][:, : min(COMPONENTS, size, n)]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0))
    return np.concatenate([(_of_length_1(features[block]) - mean) @ axes for block in blocks])


def read_relations(path: str | Path) -> Relations:
    """Read what `find_neighbours` wrote."""
    arrays = read_arrays(path)
    with reading(path):
        return Relations(**{name: arrays[name] for name in Relations._fields})


def columns(path: str | Path | None) -> dict[str, np.ndarray]:
    """Return what stands of each image in tables, float32 N by name; nothing without a file."""
    if path is None:
        return {}
    found = read_relations(path)
    x, y = found.plane.T
    return {"outlier_distance": found.outlier_distance, "map_x": x, "map_y": y}


def directions(features: np.ndarray) -> np.ndarray:
    """Return features, float n×D, as float16 of length 1, so that a product is a cosine.

    They have at most `DIMENSIONS` dimensions; more are projected at random, always in the same way
    (W. Johnson, J. Lindenstrauss, 1984). A feature that is 0 everywhere stays 0.
    """
    # First of length 1, for what is very large.
    unit = _of_length_1(features, np.float32)
    if unit.shape[1] > DIMENSIONS:
        unit = _of_length_1(unit @ _projection(unit.shape[1]), np.float32)
    return unit.astype(np.float16)


@cache
def _projection(size: int) -> np.ndarray:
    random = np.random.default_rng(stream_seed(0, "projection"))
    return random.standard_normal((size, DIMENSIONS), np.float32)


def _of_length_1(features: np.ndarray, kind: type = np.float64) -> np.ndarray:
    features = features.astype(kind)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _nearest(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most alike others of each image, int64 N×k, and how far they are, float32."""
    nearest = np.empty((len(points), k), np.int64)
    distance = np.empty((len(points), k), np.float32)
    for start in range(0, len(points), _BLOCK):
        rows = slice(start, start + _BLOCK)
        apart = 1 - points[rows] @ points.T
        own = np.arange(len(apart))
        apart[own, start + own] = np.inf
        nearest[rows] = smallest(apart, k)
        distance[rows] = np.maximum(np.take_along_axis(apart, nearest[rows], axis=1), 0)
    return nearest, distance


def smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Return where the k smallest values of each row are, int64 n×k, smallest first; ties in order.

    Args:
        values: float, n×m; m ≥ k.
        k: how many.
    """
    found = np.argpartition(values, k - 1, axis=1)[:, :k]
    order = np.lexsort((found, np.take_along_axis(values, found, axis=1)))
    return np.take_along_axis(found, order, axis=1)


def most_alike(found: Relations, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the n pairs of images that are most alike, int64 P×2, and their distances, float32.

    Only pairs count of which each is the nearest of the other.
    """
    ids, first = np.arange(len(found.nearest)), found.nearest[:, 0]
    mutual = ids[(first[first] == ids) & (ids < first)]
    mutual = mutual[np.argsort(found.distance[mutual, 0], kind="stable")][:n]
    return np.stack([mutual, first[mutual]], axis=1), found.distance[mutual, 0]
