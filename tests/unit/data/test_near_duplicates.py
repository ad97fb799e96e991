"""Near-duplicates: every pair that brute force finds, and what is said of bad input."""

import io
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, assert_one_clear_line, real_archive, run_script
from matplotlib.axes import Axes
from PIL import Image
from scipy.fft import dctn, idctn

from study.data.datasets import Source, dataset
from study.data.index import groups_of_duplicates, read_duplicates
from study.data.near_duplicates import near_duplicates
from study.errors import StudyError
from study.files import read_yaml
from study.report.plots.images import image_pairs_figure

CONFIG = read_yaml(ROOT / "config/config.yaml")
THRESHOLD = CONFIG["near_duplicates"]["threshold"]


def photographs(n, shape, seed=0):
    """Return n images, uint8, whose frequencies fade as those of photographs do."""
    random = np.random.default_rng(seed)
    height, width, _ = shape
    fade = 1 / (1 + np.hypot(np.arange(height)[:, None], np.arange(width))) ** 1.5
    images = idctn(random.standard_normal((n, *shape)) * fade[..., None], axes=(1, 2), norm="ortho")
    images -= images.mean(axis=(1, 2, 3), keepdims=True)
    return (
        np.clip(128 + 45 * images / images.std(axis=(1, 2, 3), keepdims=True), 0, 255)
        .round()
        .astype(np.uint8)
    )


def families(n, shape, seed=1):
    """Return n images: eight photographs with more or less of another mixed in."""
    base, other = photographs(8, shape, seed), photographs(n, shape, seed + 1)
    share = np.linspace(0, 0.6, n)[:, None, None, None]
    return ((1 - share) * base[np.arange(n) % 8] + share * other).round().astype(np.uint8)


def brute_force(images, threshold):
    """Return {pair: (pixel distance, low-frequency distance)} from differences of neighbours.

    They are those of images without what is finer than 64×64 and 8×8 frequencies.
    """

    def directions(images):
        down, across = (np.diff(images, axis=axis).reshape(len(images), -1) for axis in (1, 2))
        differences = np.concatenate([down, across], axis=1)
        return differences / np.linalg.norm(differences, axis=1, keepdims=True)

    spectrum, spaces = dctn(images.astype(float), axes=(1, 2), norm="ortho"), []
    for most in (64, 8):
        spectrum[:, most:] = spectrum[:, :, most:] = 0
        spaces.append(directions(idctn(spectrum, axes=(1, 2), norm="ortho")))
    pairs = {
        (i, j): tuple(np.linalg.norm(space[i] - space[j]) for space in spaces)
        for i, j in combinations(range(len(images)), 2)
    }
    return {pair: distances for pair, distances in pairs.items() if min(distances) <= threshold}


def pairs_of(table):
    return list(table[["image_id", "other_id"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("shape", "threshold", "block"),
    [
        ((16, 16, 3), 0.35, 7),
        ((12, 9, 1), 0.6, 32),
        ((6, 20, 4), 0.2, 2048),
        ((32, 32, 3), 0.9, 50),
        ((70, 90, 3), 0.35, 2048),
    ],
)
def test_the_pairs_and_distances_are_those_of_brute_force(shape, threshold, block):
    images = families(101, shape)
    expected = brute_force(images, threshold)
    table = near_duplicates(images, threshold, block)
    assert 5 < len(expected) < 101 * 100 / 2
    assert set(pairs_of(table)) == set(expected) and len(table) == len(expected)
    found = table[["pixel_distance", "low_frequency_distance"]].to_numpy()
    assert found == pytest.approx(np.array([expected[pair] for pair in pairs_of(table)]), abs=2e-6)
    assert (table["image_id"] < table["other_id"]).all() and np.all(np.diff(found.min(axis=1)) >= 0)


def compressed(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize(
    ("change", "space"),
    [
        (lambda image: image[:, :-1], "pixel_distance"),
        (
            lambda image: np.clip(image[:, :-1] * 0.7 + 60, 0, 255).astype(np.uint8),
            "pixel_distance",
        ),
        (lambda image: compressed(image[:, :-1]), "low_frequency_distance"),
        (lambda image: image[:, 1:], "low_frequency_distance"),
    ],
    ids=["identical", "brighter and flatter", "compressed", "shifted by a pixel"],
)
def test_a_changed_copy_is_found_among_others(change, space):
    wider = photographs(80, (48, 49, 3))
    images = wider[:, :, :-1].copy()
    images[70] = change(wider[4])
    table = near_duplicates(images, THRESHOLD)
    assert pairs_of(table) == [(4, 70)]
    assert table[space].item() <= THRESHOLD


def test_an_image_whose_light_alone_differs_is_found_by_its_pixels():
    images = photographs(40, (32, 32, 3))
    detail = np.random.default_rng(5).integers(-40, 41, images[0].shape)
    images = np.clip(
        images * 0.3 + 90 + detail * (np.arange(40) < 2)[:, None, None, None], 0, 255
    ).astype(np.uint8)
    table = near_duplicates(images, 0.6)
    assert pairs_of(table) == [(0, 1)]
    assert table["pixel_distance"].item() <= 0.6 < table["low_frequency_distance"].item()


def test_flat_and_nearly_flat_images_are_not_alike():
    images = np.repeat(np.arange(20, 40, dtype=np.uint8), 8 * 8 * 3).reshape(20, 8, 8, 3)
    assert near_duplicates(images, 1).empty
    images[::2, 3, 3, 0] += 1  # one grey level in one place
    assert near_duplicates(images, 1).empty


@pytest.mark.parametrize("threshold", [0, 0.3])
def test_byte_identical_images_count_always_and_alone_with_threshold_zero(threshold):
    images = photographs(30, (16, 16, 3))
    images[[3, 11, 25]] = images[7]
    images[[1, 2]] = 90  # flat
    images[10] = np.minimum(images[10], 254)
    images[9] = images[10] + 1  # brighter by one grey level: distance 0, but other bytes
    identical = [(1, 2), *combinations((3, 7, 11, 25), 2)]
    table = near_duplicates(images, threshold)
    assert sorted(pairs_of(table)) == sorted(identical + ([(9, 10)] if threshold else []))
    assert (table[["pixel_distance", "low_frequency_distance"]] == 0).all(axis=None)
    assert (table.dtypes[["image_id", "other_id"]] == np.int64).all()


def test_the_table_does_not_depend_on_the_blocks():
    images = families(90, (16, 16, 3))
    tables = [near_duplicates(images, 0.5, block) for block in (11, 90, 4096)]
    assert len(tables[0]) > 10 and all(table.equals(tables[0]) for table in tables)


@pytest.mark.parametrize(
    ("images", "threshold", "fragments"),
    [
        (np.zeros((5, 8, 8, 3)), 0.3, ["uint8, N×H×W×C", "float64, 5×8×8×3", "decode"]),
        (np.zeros((5, 8, 8), np.uint8), 0.3, ["uint8, N×H×W×C", "uint8, 5×8×8"]),
        (np.zeros((5, 8, 8, 3), np.uint8), -0.1, ["threshold is -0.1", "from 0"]),
        (np.zeros((5, 8, 8, 3), np.uint8), 2, ["threshold is 2", "below 1.41"]),
        (np.zeros((5, 8, 8, 3), np.uint8), float("nan"), ["threshold is nan"]),
    ],
)
def test_bad_input_is_refused_in_one_line(images, threshold, fragments):
    with pytest.raises(StudyError) as refused:
        near_duplicates(images, threshold)
    assert all(fragment in str(refused.value) for fragment in fragments) and "\n" not in str(
        refused.value
    )


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("image_id,other_id\n4,3\n", "image_id < other_id"),
        ("image_id,label\n3,4\n", "image_id and other_id"),
        ("image_id,other_id\n3,x\n", "whole numbers"),
        ("", "image_id and other_id"),
    ],
)
def test_a_file_that_is_no_table_of_pairs_is_refused(tmp_path, text, fragment):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(StudyError, match=fragment) as refused:
        read_duplicates(tmp_path / "pairs.csv")
    assert "pairs.csv" in str(refused.value)


def find(folder, images, index, threshold=THRESHOLD, check=True):
    """Find the pairs of images, and draw them if that succeeds."""
    data = ("--images", images, "--index", index, "--threshold", threshold)
    result = run_script("find_duplicates.py", *data, "--output", folder / "pairs.csv", check=check)
    if not result.returncode:
        drawn = ("--duplicates", folder / "pairs.csv", "--output", folder / "pairs.svg")
        run_script("draw_near_duplicates.py", *data, *drawn)
    return result


def test_the_sheet_shows_both_images_of_a_pair_beside_each_other():
    left, right = photographs(2, (16, 16, 3))
    figure = image_pairs_figure({"Nearest": [(left, right, "3, 5")], "Farthest": []}, "title")
    (axes,) = (axes for axes in figure.findobj(Axes) if axes.images)
    shown = np.asarray(axes.images[0].get_array())
    assert np.array_equal(shown[:, :16], left) and np.array_equal(shown[:, -16:], right)
    assert axes.get_title(loc="left") == "3, 5"


@pytest.fixture
def planted(tmp_path, decoded):
    """The synthetic data, with copies of two training images among its test images.

    One has the same class, one another.
    """
    images = np.load(decoded / "images.npy")
    index = pd.read_csv(decoded / "index.csv")
    test = index.index[index["source_split"] == "test"]
    same = test[index["label"][test] == index["label"][20]][0]
    other = test[index["label"][test] != index["label"][21]][-1]
    images[same], images[other] = images[20], images[21]
    np.save(tmp_path / "images.npy", images)
    return tmp_path / "images.npy", decoded / "index.csv", [(20, same), (21, other)]


def test_the_script_says_where_pairs_come_from_and_the_sheet_how_many_there_are(tmp_path, planted):
    images, index, pairs = planted
    find(tmp_path, images, index)
    table = pd.read_csv(tmp_path / "pairs.csv")
    assert list(table) == [
        "image_id", "other_id", "pixel_distance", "low_frequency_distance", "class", "other_class",
        "source_split",
        "other_source_split", "labels_differ",
    ]  # fmt: skip
    assert pairs_of(table) == pairs and np.array_equal(
        read_duplicates(tmp_path / "pairs.csv"), pairs
    )
    assert (
        table["source_split"].tolist() == ["train"] * 2
        and table["other_source_split"].tolist() == ["test"] * 2
    )
    classes = pd.read_csv(index)["class"]
    assert table["class"].tolist() == [classes[20], classes[21]]
    assert table["labels_differ"].tolist() == [False, True]
    sheet = (tmp_path / "pairs.svg").read_text()
    assert sheet.count("data:image/png") == 2
    words = " ".join(re.sub(r"<[^>]+>", " ", sheet).split())  # texts are wrapped
    for text in ("2 pairs", "2 across", "(2 test images)", "1 with different labels"):
        assert text in words


def test_two_runs_give_the_same_bytes(tmp_path, planted):
    for folder in (tmp_path / "a", tmp_path / "b"):
        find(folder, *planted[:2], threshold=0.9)
    for name in ("pairs.csv", "pairs.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_where_nothing_is_alike_the_table_is_empty_and_the_sheet_says_so(tmp_path, decoded):
    find(tmp_path, decoded / "images.npy", decoded / "index.csv", threshold=0)
    assert read_duplicates(tmp_path / "pairs.csv").shape == (0, 2)
    assert "No two images are near-duplicates" in (tmp_path / "pairs.svg").read_text()


def test_images_and_index_of_different_data_sets_are_refused(tmp_path, decoded):
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8, 3), np.uint8))
    result = find(tmp_path, tmp_path / "images.npy", decoded / "index.csv", check=False)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "images.npy", "360 rows", "found 3", "decode")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npy"]


def test_most_digits_are_nobodys_duplicates_and_pairs_show_the_same_digit(tmp_path):
    module = dataset("digits")
    module.fetch(tmp_path / "raw", Source())
    data = module.decode(tmp_path / "raw", Source())
    table = near_duplicates(data.images, THRESHOLD)
    assert len(np.unique(table[["image_id", "other_id"]])) < 0.25 * len(data.images)
    assert (data.labels[table["image_id"]] == data.labels[table["other_id"]]).all()


@pytest.mark.data
@pytest.mark.skipif(
    real_archive() is None, reason="no CIFAR-10 archive (CIFAR10_ARCHIVE or ../shared/data)"
)
def test_known_near_duplicates_of_cifar10_are_found_and_little_else(tmp_path):
    """Known pairs are found among 2,000 other images.

    B. Barz and J. Denzler list them ("Do we train on test data?", 2020).
    """
    module = dataset("cifar10")
    module.fetch(tmp_path / "raw", Source(archive=real_archive()))
    images = module.decode(tmp_path / "raw", Source()).images
    known = [
        (16453, 57294),
        (9148, 56080),
        (34116, 50673),
        (19059, 57029),
        (35230, 56880),
        (7524, 56563),
        (25768, 50159),
    ]
    chosen = np.unique(np.concatenate([np.ravel(known), np.arange(0, 60_000, 30)]))
    table = near_duplicates(images[chosen], THRESHOLD)
    found = set(zip(chosen[table["image_id"]], chosen[table["other_id"]], strict=True))
    assert found >= set(known)
    assert len(found) < len(known) + 10


def test_a_chain_of_near_duplicates_is_one_group():
    pairs = np.array([[1, 4], [4, 5], [2, 3]])
    assert groups_of_duplicates(pairs, 7).tolist() == [0, 1, 2, 2, 1, 1, 6]
    assert groups_of_duplicates(pairs[:0], 3).tolist() == [0, 1, 2]
