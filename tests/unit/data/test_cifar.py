"""CIFAR-10 and CIFAR-100: getting, verifying and decoding; what is wrong is said in one line."""

import errno
import functools
import os
import pickle
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    CLASSES,
    PER_BATCH,
    assert_one_clear_line,
    run_script,
    write_archive,
    write_checksums,
)
from made_images import write_members
from server import Server
from trap import Trap

from study.data.datasets import Source, dataset
from study.data.datasets.cifar100 import CIFAR100
from study.data.datasets.download import read_checksums
from study.data.datasets.verified import SourceFiles
from study.data.index import read_index
from study.errors import StudyError
from study.files import read_csv, read_json


def fetch(tmp_path, archive_path, checksums, check=False, **options):
    """Run the download script on a local archive."""
    return run_script(
        "download.py", "--dataset", "cifar10", "--archive", archive_path, "--checksums", checksums,
        "--scratch", tmp_path / "scratch", "--output", tmp_path / "raw", check=check, **options,
    )  # fmt: skip


def assert_refused_then_good_archive_passes(tmp_path, result, archive, *fragments):
    """The failure is one line and leaves nothing behind, and the next correct call succeeds."""
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, *fragments)
    assert [path for path in tmp_path.rglob("*raw*") if "archive" not in path.name] == []
    fetch(tmp_path, archive.path, archive.checksums, check=True)
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == sorted(archive.members)


def test_a_repacked_archive_with_the_right_members_passes(tmp_path, archive):
    repacked = write_archive(
        tmp_path / "other.tar.gz", dict(reversed(archive.members.items())), folder="elsewhere/"
    )
    fetch(tmp_path, repacked, archive.checksums, check=True)
    assert (tmp_path / "raw" / "test_batch").read_bytes() == archive.members["test_batch"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_of_another_kind_with_the_right_members_passes(tmp_path, archive, kind):
    folder = tmp_path / "all" / "cifar-10-batches-py"
    write_members(folder, archive.members)
    other = shutil.make_archive(str(tmp_path / "other"), kind, folder.parent)
    fetch(tmp_path, other, archive.checksums, check=True)
    assert (tmp_path / "raw" / "test_batch").read_bytes() == archive.members["test_batch"]
    shutil.rmtree(tmp_path / "raw")
    whole = Path(other).read_bytes()
    Path(other).write_bytes(whole[: len(whole) // 2])
    result = fetch(tmp_path, other, archive.checksums)
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, f"other.{kind}: truncated or damaged"
    )


@pytest.mark.parametrize("nested", [True, False])
def test_an_extracted_folder_serves_as_well_as_an_archive(tmp_path, archive, nested):
    folder = tmp_path / "extracted" / ("cifar-10-batches-py" if nested else "")
    folder.mkdir(parents=True)
    for name, content in archive.members.items():
        (folder / name).write_bytes(content)
    fetch(tmp_path, tmp_path / "extracted", archive.checksums, check=True)
    assert (tmp_path / "raw" / "data_batch_3").read_bytes() == archive.members["data_batch_3"]


def test_the_environment_variable_gives_a_local_archive(tmp_path, archive, monkeypatch):
    monkeypatch.setenv("CIFAR10_ARCHIVE", str(archive.path))
    checksums = {
        name: line
        for line, name in (
            row.split("  ") for row in archive.checksums.read_text().split("\n")[:-1]
        )
    }
    dataset("cifar10").fetch(tmp_path / "raw", Source(checksums=checksums))
    assert (tmp_path / "raw" / "batches.meta").exists()


@pytest.mark.parametrize(
    ("make", "fragments"),
    [
        (lambda path, archive: path.write_bytes(archive.path.read_bytes()[:-20_000]),
            ["bad.tar.gz", "truncated or damaged", "CIFAR10_ARCHIVE"]),
        (lambda path, archive: path.write_text("<html>404</html>"),
            ["bad.tar.gz", "truncated or damaged archive"]),
        (lambda path, archive: write_archive(path, archive.members | {"data_batch_2": b"?"}),
            ["data_batch_2: md5 is", "expected"]),
        (lambda path, archive: write_archive(path, {"test_batch": archive.members["test_batch"]}),
            ["bad.tar.gz", "no member"]),
        (lambda path, archive: None, ["bad.tar.gz: no such archive", "dataset.archive"]),
    ],
    ids=["truncated", "no archive", "another md5", "without a member", "missing"],
)  # fmt: skip
def test_what_is_wrong_with_an_archive_is_said_and_a_good_one_passes(
    tmp_path, archive, make, fragments
):
    path = tmp_path / "bad.tar.gz"
    make(path, archive)
    result = fetch(tmp_path, path, archive.checksums)
    assert_refused_then_good_archive_passes(tmp_path, result, archive, *fragments)


def test_a_pickle_with_code_is_not_run_even_when_its_md5_is_vouched_for(tmp_path, archive):
    trap = tmp_path / "sprung"
    members = archive.members | {"data_batch_1": pickle.dumps(Trap(trap), protocol=2)}
    checksums = write_checksums(tmp_path / "evil.md5", members)
    fetch(tmp_path, write_archive(tmp_path / "evil.tar.gz", members), checksums, check=True)
    result = decode(tmp_path, checksums)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "data_batch_1", "refused to load")
    assert not trap.exists()
    assert not (tmp_path / "images.npy").exists()


def test_nothing_is_unpickled_before_its_md5_is_verified(tmp_path, archive, monkeypatch):
    from study.data.datasets import cifar

    cifar10 = dataset("cifar10")
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, content in archive.members.items():
        (raw / name).write_bytes(content)
    monkeypatch.setattr(cifar, "_unpickle", lambda *_: pytest.fail("unpickled"))
    with pytest.raises(StudyError, match="md5 is"):
        cifar10.decode(raw, Source())  # the official md5s, which synthetic batches have not


def decode(tmp_path, checksums, **options):
    return run_script(
        "decode.py", "--dataset", "cifar10", "--raw", tmp_path / "raw", "--checksums", checksums,
        "--images", tmp_path / "images.npy", "--index", tmp_path / "index.csv",
        "--manifest", tmp_path / "manifest.json", check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batch: batch.pop(b"labels"), "no 'labels'"),
        (lambda batch: batch.update({b"labels": [11] * PER_BATCH}), "labels 0–9"),
        (lambda batch: batch.update({b"data": batch[b"data"][:, :-1]}), "60×3072"),
    ],
)
def test_a_batch_of_another_shape_is_refused(tmp_path, archive, change, message):
    batch = pickle.loads(archive.members["data_batch_5"], encoding="bytes")
    change(batch)
    members = archive.members | {"data_batch_5": pickle.dumps(batch, protocol=2)}
    checksums = write_checksums(tmp_path / "odd.md5", members)
    fetch(tmp_path, write_archive(tmp_path / "odd.tar.gz", members), checksums, check=True)
    result = decode(tmp_path, checksums)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "data_batch_5", message)


def test_no_space_left_is_said_in_one_line_and_leaves_nothing(tmp_path, archive):
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, 100_000))
    result = fetch(tmp_path, archive.path, archive.checksums, preexec_fn=limit)
    assert_refused_then_good_archive_passes(
        tmp_path,
        result,
        archive,
        "no space left while writing",
        "raw",
        "run the same command again",
    )
    result = decode(tmp_path, archive.checksums, preexec_fn=limit)
    assert result.returncode == 1
    assert_one_clear_line(result.stderr, "no space left", "images.npy")
    assert not list(tmp_path.glob("*images*"))
    assert decode(tmp_path, archive.checksums).returncode == 0


def test_a_malformed_list_of_md5s_is_refused_with_its_line(tmp_path, archive):
    bad = tmp_path / "list.md5"
    bad.write_text("not a digest  data_batch_1\n")
    result = fetch(tmp_path, archive.path, bad)
    assert_one_clear_line(result.stderr, "list.md5:1", "<md5> <file name>")


def test_decoding_keeps_order_colours_and_names(decoded, archive):
    images, index = np.load(decoded / "images.npy"), read_csv(decoded / "index.csv")
    batch = pickle.loads(archive.members["data_batch_2"], encoding="bytes")
    assert images.shape == (6 * PER_BATCH, 32, 32, 3) and images.dtype == np.uint8
    position = PER_BATCH + 5
    red, green, blue = batch[b"data"][5].reshape(3, 32, 32)
    assert np.array_equal(images[position], np.dstack([red, green, blue]))
    row = index[position]
    assert row["image_id"] == str(position)
    assert row["label"] == str(batch[b"labels"][5])
    assert row["class"] == CLASSES[batch[b"labels"][5]]
    assert row["file"] == "data_batch_2/" + batch[b"filenames"][5].decode()
    assert [r["source_split"] for r in index] == ["train"] * 5 * PER_BATCH + ["test"] * PER_BATCH
    manifest = read_json(decoded / "manifest.json")
    assert manifest["classes"] == CLASSES
    assert manifest["class_counts"] == dict.fromkeys(CLASSES, 36)


def test_cifar_100_is_read_with_its_fine_classes(tmp_path):
    random = np.random.default_rng(1)
    names = [f"class {i}" for i in range(100)]

    def batch(n, name):
        return {
            b"fine_labels": random.integers(0, 100, n).tolist(), b"coarse_labels": [0] * n,
            b"batch_label": name,
            b"data": random.integers(0, 256, (n, 3072)).astype(np.uint8),
            b"filenames": [f"{name.decode()}_{i}.png".encode() for i in range(n)],
        }  # fmt: skip

    contents = {"train": batch(20, b"train"), "test": batch(5, b"test")}
    contents["meta"] = {
        b"fine_label_names": [name.encode() for name in names],
        b"coarse_label_names": [b"all"],
    }
    members = {name: pickle.dumps(content, protocol=2) for name, content in contents.items()}
    checksums = write_members(tmp_path / "cifar-100-python", members)
    module, source = dataset("cifar100"), Source(archive=tmp_path, checksums=checksums)
    module.fetch(tmp_path / "raw", source)
    data = module.decode(tmp_path / "raw", source)
    assert data.images.shape == (25, 32, 32, 3) and data.classes == names
    assert (
        data.labels.tolist() == contents["train"][b"fine_labels"] + contents["test"][b"fine_labels"]
    )
    assert data.source_split == ["train"] * 20 + ["test"] * 5
    red = contents["test"][b"data"][0].reshape(3, 32, 32)[0]
    assert np.array_equal(data.images[20, ..., 0], red)
    with pytest.raises(StudyError, match="md5 is"):
        module.fetch(tmp_path / "again", Source(archive=tmp_path))
    assert set(CIFAR100.md5) == set(members)


def test_sources_are_tried_in_turn_and_a_damaged_one_is_passed_over(tmp_path, archive):
    with (
        Server(b"", status=404) as first,
        Server(b"no archive") as second,
        Server(archive.path.read_bytes()) as third,
    ):
        result = run_script(
            "download.py", "--dataset", "cifar10", "--urls", first.url, second.url, third.url,
            "--checksums", archive.checksums, "--scratch", tmp_path / "scratch", "--output",
            tmp_path / "raw",
        )  # fmt: skip
    assert (tmp_path / "raw" / "test_batch").read_bytes() == archive.members["test_batch"]
    assert list((tmp_path / "scratch").iterdir()) == []
    assert "CIFAR10_ARCHIVE" in result.stderr


def test_a_good_archive_is_kept_until_its_files_are_stored(tmp_path, archive, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Server(archive.path.read_bytes()) as server:
        checksums, scratch = read_checksums(archive.checksums), tmp_path / "scratch"
        source = Source(urls=(server.url,), checksums=checksums, scratch=scratch)
        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
            patched.setattr(SourceFiles, "store", full)
            dataset("cifar10").fetch(tmp_path / "raw", source)
        (kept,) = scratch.iterdir()
        assert kept.read_bytes() == archive.path.read_bytes()
        dataset("cifar10").fetch(tmp_path / "raw", source)
    assert (tmp_path / "raw" / "test_batch").is_file() and list(scratch.iterdir()) == []


def test_unreachable_addresses_end_in_one_line_that_tells_of_a_local_archive(tmp_path, archive):
    result = run_script(
        "download.py", "--dataset", "cifar10", "--urls",
        "http://127.0.0.1:9/cifar-10-python.tar.gz",
        "--checksums", archive.checksums, "--scratch", tmp_path / "scratch", "--output",
        tmp_path / "raw", check=False,
    )  # fmt: skip
    assert_refused_then_good_archive_passes(
        tmp_path, result, archive, "127.0.0.1:9", "refused", "CIFAR10_ARCHIVE"
    )


def test_a_class_of_an_archive_computes_nothing(tmp_path, archive):
    names = [b"=1+1", b"@x\r", *(name.encode() for name in CLASSES[2:])]
    meta = pickle.dumps({b"label_names": names, b"num_vis": 3072}, protocol=2)
    members = archive.members | {"batches.meta": meta}
    checksums = write_checksums(tmp_path / "named.md5", members)
    fetch(tmp_path, write_archive(tmp_path / "named.tar.gz", members), checksums, check=True)
    assert decode(tmp_path, checksums).returncode == 0
    classes = ["'=1+1", "'@x\\r", *CLASSES[2:]]
    assert read_index(tmp_path / "index.csv").classes == classes
    assert read_json(tmp_path / "manifest.json")["classes"] == classes
