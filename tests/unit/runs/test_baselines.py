"""What needs no network: neighbours as all distances say, and the class that is most frequent."""

import numpy as np
import pandas as pd
import pytest
from conftest import assert_one_clear_line, run_script
from scipy.spatial.distance import cdist

from study.data.index import write_image_ids
from study.files import write_csv
from study.runs import baselines
from study.runs.baselines import baselines_of_seed, nearest_images, nearest_of_all, small_copies

N = 240


@pytest.fixture
def copies():
    """Images of few distinct kinds, so that many are equally near."""
    random = np.random.default_rng(0)
    return small_copies(random.integers(0, 2, (N, 2, 3, 1)).astype(np.uint8) * 255)


@pytest.mark.parametrize("shape", [(16, 24, 3), (8, 8, 1), (5, 8, 3)])
def test_small_copies_are_means_of_blocks(shape, monkeypatch):
    monkeypatch.setattr(baselines, "_BYTES_AT_ONCE", 3 * np.prod(shape))
    images = np.random.default_rng(1).integers(0, 256, (10, *shape)).astype(np.uint8)
    rows, columns = (np.array_split(range(n), min(n, 8)) for n in shape[:2])
    ours = small_copies(images)
    assert ours.shape == (10, len(rows) * len(columns) * shape[2]) and ours.dtype == np.int8
    means = [[images[:, r][:, :, c].mean(axis=(1, 2)) for c in columns] for r in rows]
    expected = np.moveaxis(np.array(means), 2, 0).reshape(10, -1)
    assert np.abs(ours.astype(int) + 128 - expected).max() <= 0.5


def test_neighbours_are_the_first_of_the_nearest_whatever_the_blocks(copies, monkeypatch):
    order = np.random.default_rng(2).permutation(N)
    train, other, test = np.sort(order[:90]), np.sort(order[90:150]), order[150:]
    both = np.sort(order[:150])
    expected = both[cdist(copies[test], copies[both], "sqeuclidean").argmin(axis=1)]
    at_once = nearest_images(copies, both, test)
    apart = nearest_of_all([nearest_images(copies, part, test) for part in (train, other)])
    monkeypatch.setattr(baselines, "_SCORES_AT_ONCE", 1000)
    monkeypatch.setattr(baselines, "_TRAIN_AT_ONCE", 40)
    for found in (at_once, apart, nearest_images(copies, both, test)):
        assert found.image_id.tolist() == expected.tolist()


def test_distances_are_exact_at_their_largest():
    random = np.random.default_rng(3)
    images = np.concatenate([np.zeros((1, 8, 8, 3)), np.full((200, 8, 8, 3), 255)])
    images[1:] -= random.random((200, 8, 8, 3)) < 0.01
    copies = small_copies(images.astype(np.uint8))
    exact = cdist(copies[:1].astype(int), copies[1:].astype(int), "sqeuclidean").argmin()
    assert nearest_images(copies, np.arange(1, 201), np.array([0])).image_id[0] == 1 + exact


def test_each_combo_is_measured_on_what_its_runs_are_tested_on(copies):
    labels = np.where(np.arange(N) < 150, 0, 1)
    splits = {
        "v1": {"train": np.arange(0, 40), "test": np.arange(40, 60)},
        "v2": {"train": np.arange(150, 180), "test": np.arange(180, 200)},
        "official": {"train": np.arange(0, 200), "test": np.arange(200, 210)},
    }
    common = np.concatenate([splits[part]["test"] for part in ("v1", "v2")])
    combos = ["v1", "v2", "v1+v2", "official"]
    rows = pd.DataFrame(baselines_of_seed(combos, splits, common, copies, labels))
    assert rows["measured_on"].tolist() == ["common_test"] * 3 + ["test"]
    assert rows["n_test"].tolist() == [40, 40, 40, 10]
    assert rows["largest_class"].tolist() == [0.5, 0.5, 0.5, 1]
    # v1 and v2 train on one class each: their neighbours have it too.
    assert rows["nearest_neighbour"].tolist()[:2] == [0.5, 0.5]


def test_the_script_writes_a_row_per_seed_and_combo(tmp_path):
    random = np.random.default_rng(4)
    labels = np.arange(60) % 2
    images = random.integers(0, 100, (60, 8, 8, 1)) + 100 * labels[:, None, None, None]
    np.save(tmp_path / "images.npy", images.astype(np.uint8))
    rows = [(i, k, "ab"[k], "train", f"{i}.png") for i, k in enumerate(labels)]
    columns = ["image_id", "label", "class", "source_split", "file"]
    write_csv(tmp_path / "index.csv", columns, rows)
    for seed in (7, 42):
        roles = [(i, "train" if i < 40 else "val" if i < 50 else "test") for i in range(60)]
        write_csv(tmp_path / f"v1/seed{seed}.csv", ["image_id", "role"], roles)
        write_image_ids(tmp_path / f"common/seed{seed}.csv", np.arange(50, 60))
    command = (
        "measure_baselines.py", "--images", tmp_path / "images.npy",
        "--index", tmp_path / "index.csv", "--combos", "v1",
        "--splits", *(tmp_path / f"v1/seed{seed}.csv" for seed in (7, 42)),
        "--common-tests", *(tmp_path / f"common/seed{seed}.csv" for seed in (7, 42)),
        "--output", tmp_path / "b.csv",
    )  # fmt: skip
    run_script(*command)
    table = pd.read_csv(tmp_path / "b.csv")
    assert table["seed"].tolist() == [7, 42] and table["n_test"].tolist() == [10, 10]
    assert (table["nearest_neighbour"] == 1).all() and (table["largest_class"] == 0.5).all()
    (tmp_path / "images.npy").write_bytes(b"")
    damaged = run_script(*command, check=False)
    assert_one_clear_line(damaged.stderr, "images.npy")
