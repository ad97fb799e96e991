"""Your own images: from a folder to an array, and what is said of broken files."""

import os
import shutil

import numpy as np
import pytest
from conftest import assert_one_clear_line, run_script
from made_images import COLOURS, coloured
from made_index import write_index
from PIL import Image

from study.data.datasets.digest import digest_of_images
from study.data.datasets.listing import list_images
from study.files import read_csv, read_json, write_csv


def fetch(tmp_path, path, *options, check=True):
    return run_script(
        "download.py", "--dataset", "folder", "--images", path, "--image-size", 24, "--scratch",
        tmp_path / "scratch",
        "--output", tmp_path / "raw", *options, check=check,
    )  # fmt: skip


def decode(tmp_path, *options, check=True):
    return run_script(
        "decode.py", "--dataset", "folder", "--raw", tmp_path / "raw", "--images",
        tmp_path / "images.npy",
        "--index", tmp_path / "index.csv", "--manifest", tmp_path / "manifest.json", *options,
        check=check,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["named pipe", "device", "link to a pipe"])
def test_an_image_that_is_no_regular_file_is_not_waited_for(kind, tmp_path):
    images = coloured(tmp_path / "images", 4)
    name = next(images.iterdir()) / "odd.png"
    if kind == "named pipe":
        os.mkfifo(name)
    else:
        os.mkfifo(tmp_path / "pipe")
        name.symlink_to("/dev/zero" if kind == "device" else tmp_path / "pipe")
    digest = digest_of_images(list_images(images))
    fetch(tmp_path, images, "--digest", digest)
    problems = read_csv(tmp_path / "raw" / "problems.csv")
    assert [(row["kind"], row["reason"]) for row in problems] == [
        ("unusable", "cannot be read (no regular file)")
    ]


def test_a_folder_becomes_an_array_and_a_table(tmp_path):
    images = coloured(tmp_path / "my images", 4)
    tests = coloured(tmp_path / "tests", 2)
    digest = digest_of_images(list_images(images, tests))
    fetch(tmp_path, images, "--test-images", tests, "--digest", digest)
    decode(tmp_path)
    array, index = np.load(tmp_path / "images.npy"), read_csv(tmp_path / "index.csv")
    manifest = read_json(tmp_path / "manifest.json")
    assert array.shape == (18, 24, 24, 3) and array.dtype == np.uint8
    assert manifest["classes"] == sorted(COLOURS) and manifest["sources"] == {
        "images": f"sha256:{digest}"
    }
    assert [row["source_split"] for row in index] == ["train"] * 12 + ["test"] * 6
    assert index[-1]["file"] == "été/bild 1.jpg"
    for pixels, row in zip(array, index, strict=True):
        assert np.abs(pixels.mean(axis=(0, 1)) - COLOURS[row["class"]]).max() < 12


def test_names_of_files_neither_break_a_table_nor_compute_in_it(tmp_path):
    coloured(tmp_path / "images", 1)
    classes = sorted(COLOURS)
    names = ["=1+1.png", "a\rb.png", "a\nb.png", "a\x1b[2J.png", "@x.png", "plain.png"]
    for name, label in zip(names, classes * 2, strict=True):
        shutil.copy(next((tmp_path / "images" / label).iterdir()), tmp_path / "images" / name)
    table = tmp_path / "images" / "labels.csv"
    write_csv(table, ["path", "label"], zip(names, classes * 2, strict=True))
    run_script(
        "download.py", "--dataset", "csv", "--images", table, "--image-size", 24, "--scratch",
        tmp_path / "scratch", "--output", tmp_path / "raw",
    )  # fmt: skip
    decode(tmp_path)
    files = sorted(row["file"] for row in read_csv(tmp_path / "index.csv"))
    assert files == sorted(
        ["./=1+1.png", "a\\rb.png", "a\\nb.png", "a\\x1b[2J.png", "./@x.png", "plain.png"]
    )


def test_broken_files_are_listed_and_skipped_only_if_that_is_said(tmp_path):
    images = coloured(tmp_path / "images", 4)
    (images / "été" / "empty.png").touch()
    (images / "été" / "<i>.jpg").write_text("hello")
    (images / "été" / "gone.png").symlink_to("nowhere.png")
    Image.new("CMYK", (8, 8)).save(images / "été" / "cmyk.jpg")
    (images / "été" / "Thumbs.db").touch()
    os.close(os.open(os.fsencode(images) + b"/Stra\xc3\x9fe 1/\xff.png", os.O_CREAT))
    told = fetch(tmp_path, images).stderr
    assert (
        "took 13 images of 3 classes" in told
        and "4 cannot be used, 1 other files were left alone (1 .db)" in told
    )
    listed = {
        row["file"]: (row["kind"], row["reason"])
        for row in read_csv(tmp_path / "raw" / "problems.csv")
    }
    assert listed["été/empty.png"] == ("unusable", "is empty (0 bytes)")
    assert listed["été/gone.png"] == ("unusable", "cannot be read (No such file or directory)")
    assert (
        listed["été/cmyk.jpg"][0] == "converted" and listed["Straße 1/\\udcff.png"][0] == "unusable"
    )
    refused = decode(tmp_path, "--problems", "results/data/problems.csv", check=False)
    assert refused.returncode == 1 and not (tmp_path / "images.npy").exists()
    assert_one_clear_line(
        refused.stderr,
        "4 images cannot be used",
        "results/data/problems.csv",
        "Straße 1/",
        "skip_broken: true",
    )
    decode(tmp_path, "--skip-broken")
    assert len(np.load(tmp_path / "images.npy")) == len(read_csv(tmp_path / "index.csv")) == 13
    run_script(
        "list_problems.py",
        "--raw",
        tmp_path / "raw",
        "--page",
        tmp_path / "p.html",
        "--output",
        tmp_path / "p.csv",
    )
    page = (tmp_path / "p.html").read_text()
    assert "été/&lt;i&gt;.jpg" in page and "<i>.jpg" not in page and "1 .db" in page


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_listed(tmp_path):
    images = coloured(tmp_path / "images", 2)
    (images / "été" / "bild 0.png").chmod(0)
    fetch(tmp_path, images)
    (problem,) = read_csv(tmp_path / "raw" / "problems.csv")
    assert problem["reason"] == "cannot be read (Permission denied)"


def test_a_class_of_broken_files_is_named(tmp_path):
    images = coloured(tmp_path / "images", 1)
    (images / "été" / "bild 0.png").write_bytes(b"")
    fetch(tmp_path, images)
    refused = decode(tmp_path, "--skip-broken", check=False)
    assert_one_clear_line(refused.stderr, "no train image of the class 'été' can be used")


def test_images_that_changed_since_the_plan_are_refused(tmp_path):
    images = coloured(tmp_path / "images", 1)
    digest = digest_of_images(list_images(images))
    (images / "été" / "bild 0.png").unlink()
    coloured(images, 2)
    refused = fetch(tmp_path, images, "--digest", digest, check=False)
    assert refused.returncode == 1 and not (tmp_path / "raw").exists()
    assert_one_clear_line(refused.stderr, "images have changed since the workflow planned this job")


def test_the_table_of_classes_counts_partitions_and_tests(tmp_path):
    write_index(tmp_path / "index.csv", [*np.arange(10) % 2, 0], "ab", tested=range(8, 11))
    write_csv(tmp_path / "v1.csv", ["image_id"], [[0], [2], [3]])
    run_script(
        "count_classes.py", "--index", tmp_path / "index.csv", "--partitions", tmp_path / "v1.csv",
        "--page", tmp_path / "c.html",
        "--output", tmp_path / "c.csv",
    )  # fmt: skip
    assert [row | {"share": ""} for row in read_csv(tmp_path / "c.csv")] == [
        {"class": "a", "images": "6", "share": "", "official test": "2", "partition v1": "2"},
        {"class": "b", "images": "5", "share": "", "official test": "1", "partition v1": "1"},
    ]
    assert "1.2 times as many images" in (tmp_path / "c.html").read_text()
