"""What features say of images: against scikit-learn, with outliers and pairs that are known."""

import importlib.util

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from study.data.embedding import Relations, most_alike, principal_components, relations
from study.errors import StudyError


def features(n=300, size=40, seed=0) -> np.ndarray:
    """Return features of three heaps of images, positive as after a ReLU."""
    random = np.random.default_rng(seed)
    heaps = 3 * random.random((3, size))
    return np.abs(heaps[np.arange(n) % 3] + random.normal(0, 0.3, (n, size))).astype(np.float16)


def test_components_are_those_of_scikit_learn_up_to_their_sign():
    given = features()
    unit = given.astype(float) / np.linalg.norm(given.astype(float), axis=1, keepdims=True)
    expected, found = PCA(10, svd_solver="full").fit_transform(unit), principal_components(given)
    assert found.shape == (300, 40)
    assert np.abs(found[:, :10]) == pytest.approx(np.abs(expected), abs=1e-6)
    assert np.array_equal(found, principal_components(given))


def test_the_nearest_are_those_of_a_search_over_all_pairs_and_blocks_do_not_matter():
    found = relations(features(2100, 8))  # more than two blocks
    search = NearestNeighbors(n_neighbors=11, metric="cosine").fit(found.points)
    distance, nearest = search.kneighbors(found.points)
    assert found.distance == pytest.approx(distance[:, 1:], abs=1e-5)
    assert (found.nearest == nearest[:, 1:]).mean() > 0.99  # others are equal up to rounding
    assert not (found.nearest == np.arange(2100)[:, None]).any()


def test_an_image_like_no_other_is_the_outlier_and_twins_are_the_most_alike():
    given = features()
    given[7] = 0
    given[7, ::2] = 9
    given[200] = given[100]
    found = relations(given)
    assert found.outlier_distance.argmax() == 7
    pairs, distances = most_alike(found, 5)
    assert pairs[0].tolist() == [100, 200] and distances[0] == pytest.approx(0, abs=1e-6)
    assert (np.diff(distances) >= 0).all() and len(pairs) == 5
    heaps = np.arange(300) % 3
    assert (heaps[pairs[1:, 0]] == heaps[pairs[1:, 1]]).all()


@pytest.mark.parametrize(("n", "size"), [(2, 1), (2, 3), (5, 1)])
def test_few_images_and_features_have_relations_too(n, size):
    found = relations(np.arange(1, n * size + 1, dtype=np.float16).reshape(n, size))
    assert isinstance(found, Relations) and found.plane.shape == (n, 2)
    assert found.nearest.shape == (n, min(10, n - 1)) and np.isfinite(found.distance).all()


def test_umap_places_heaps_apart_the_same_each_time_and_changes_nothing_else():
    pytest.importorskip("umap")
    given = features()
    linear, found, again = relations(given), relations(given, "umap"), relations(given, "umap")
    assert found.plane.shape == (300, 2) and found.plane.dtype == np.float32
    assert np.array_equal(found.plane, again.plane)
    assert not np.array_equal(found.plane, linear.plane)
    for name in ("points", "nearest", "distance"):
        assert np.array_equal(getattr(found, name), getattr(linear, name))
    heaps = np.arange(300) % 3
    _, nearest = NearestNeighbors(n_neighbors=6).fit(found.plane).kneighbors(found.plane)
    assert (heaps[nearest] == heaps[:, None]).mean() > 0.99


def test_fewer_images_than_umap_compares_are_placed_as_by_principal_components():
    pytest.importorskip("umap")
    given = features(15)
    assert np.array_equal(relations(given, "umap").plane, relations(given).plane)


def test_umap_without_its_library_is_refused_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"gallery_map: umap needs umap-learn.*pip install"):
        relations(None, "umap")
