"""Images of a user's own: what becomes of every kind of file, what is refused in one line, and what a digest of them takes for a change."""

import gzip
import hashlib
import io
import os
import pickle
import shutil
import struct
import time
import unicodedata
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT, assert_one_clear_line, run_script
from PIL import Image

from study.cli import new
from study.cli.main import main
from study.config.checks import check_config
from study.config.recipe_checks import SMALLEST
from study.config.study import check_study
from study.data.datasets import Source, cifar100, dataset_module, fashion_mnist
from study.data.datasets.listing import digest_of_images, list_images
from study.data.datasets.pictures import Unusable, read_picture
from study.data.partitions import draw_partitions, insist_on_every_class
from study.errors import StudyError
from study.files import read_csv, read_json, read_yaml, write_csv
from study.models.build import build_model

CONFIG = read_yaml(ROOT / "config/config.yaml")
CONFIG_SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")
COLOURS = {"Straße 1": (200, 30, 30), "été": (30, 200, 30), '<b>x, "q"': (30, 30, 200)}


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(content: bytes, size: int = 8, fit: str = "resize"):
    return read_picture(content, size, size, fit)


def coloured(folder: Path, per_class: int = 8, colours=COLOURS) -> Path:
    """Write small images of one colour and some noise, in all the usual formats."""
    random = np.random.default_rng(3)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            noise = random.integers(-25, 26, (40, 48, 3))
            image = Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))
            image.save(folder / name / f"bild {i}.{('png', 'jpg', 'webp', 'bmp')[i % 4]}")
    return folder


# One file as an array.


def test_an_image_of_the_right_size_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    for fit in ("resize", "crop"):
        found = picture(encoded(Image.fromarray(pixels)), fit=fit)
        assert (
            np.array_equal(found.pixels, pixels)
            and found.pixels.dtype == np.uint8
            and found.remark == ""
        )


def test_resize_keeps_everything_and_crop_the_middle():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert picture(encoded(Image.fromarray(wide)), 10, "crop").pixels[:, 1:-1].min() == 255
    resized = picture(encoded(Image.fromarray(wide)), 30, "resize").pixels
    assert resized[:, 2].max() == 0 and resized[:, 15].min() == 255 and resized[:, 27].max() == 0


def test_shrinking_averages_over_what_falls_together():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert (
        np.abs(picture(encoded(Image.fromarray(stripes))).pixels[:, 1:-1].astype(int) - 127).max()
        <= 3
    )


def test_an_image_is_turned_as_its_exif_data_say():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 250
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    content = encoded(Image.fromarray(pixels), exif=exif)
    assert np.array_equal(picture(content).pixels, np.rot90(pixels, -1))


def test_damaged_exif_data_do_not_cost_the_image():
    content = encoded(
        Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"
    )
    assert picture(content).pixels[0, 0, 0] > 240


@pytest.mark.parametrize(
    ("image", "expected", "remark"),
    [
        (Image.new("L", (8, 8), 77), (77, 77, 77), ""),
        (Image.new("1", (8, 8), 1), (255, 255, 255), ""),
        (
            Image.new("RGBA", (8, 8), (255, 0, 0, 51)),
            (255, 204, 204),
            "transparent in parts, laid on white",
        ),
        (Image.new("RGBA", (8, 8), (9, 8, 7, 255)), (9, 8, 7), ""),
        (Image.new("LA", (8, 8), (0, 0)), (255, 255, 255), "transparent in parts, laid on white"),
        (Image.new("RGB", (8, 8), (9, 8, 7)).quantize(4), (9, 8, 7), "palette"),
        (
            Image.fromarray(np.full((8, 8), 65535, np.uint16)),
            (255, 255, 255),
            "16-bit grey, scaled to 8 bits",
        ),
        (
            Image.fromarray(np.full((8, 8), 25700, np.uint16)),
            (100, 100, 100),
            "16-bit grey, scaled to 8 bits",
        ),
    ],
)
def test_other_modes_become_rgb(image, expected, remark):
    found = picture(encoded(image))
    assert (found.pixels == np.array(expected)).all() and found.remark == remark


def test_a_transparent_colour_of_a_palette_lies_on_white():
    content = encoded(Image.new("P", (8, 8), 0), transparency=0)
    assert (picture(content).pixels == 255).all()


def test_cmyk_becomes_rgb_and_says_so():
    found = picture(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = found.pixels[4, 4]
    assert red > 240 and green < 15 and blue < 15 and found.remark.startswith("CMYK")


def sixteen_bit_colours(value: int, side: int = 8) -> bytes:
    """Return a PNG of 8×8 pixels with 16 bits a channel, which Pillow cannot write, and which may claim another size."""
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = (b"\0" + struct.pack(">H", value) * 3 * 8) * 8
    head = struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_of_16_bit_colours_the_upper_half_is_kept():
    found = picture(sixteen_bit_colours(0x64FF))
    assert (found.pixels == 0x64).all() and "upper 8 bits" in found.remark


def test_a_second_picture_of_a_camera_is_no_animation():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    content = encoded(first, "MPO", save_all=True, append_images=[second])
    assert picture(content).pixels[0, 0, 0] > 240


FRAMES = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
WHOLE = encoded(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)), "JPEG"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello", "is no PNG"),
        (WHOLE[: len(WHOLE) // 2], "truncated"),
        (encoded(Image.open(io.BytesIO(WHOLE)))[:5000], "damaged|truncated"),
        (encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), "3 frames"),
        (encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), "3 frames"),
        (encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), "3 frames"),
        (encoded(Image.new("F", (8, 8)), "TIFF"), "mode F"),
        (sixteen_bit_colours(1, side=60_000), "too many pixels.*refused"),
    ],
)  # fmt: skip
def test_what_is_no_image_says_why(content, reason):
    with pytest.raises(Unusable, match=reason):
        picture(content)


def test_an_image_that_would_fill_the_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    with pytest.raises(Unusable, match="8×8 pixels, more than 60: refused"):
        picture(encoded(Image.new("RGB", (8, 8))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(Unusable, match="refused"):
        picture(encoded(Image.new("RGB", (8, 8))))


# What is listed.


def test_a_folder_is_listed_by_class_and_file_with_nested_files_and_without_others(tmp_path):
    coloured(tmp_path, 2)
    (tmp_path / "été" / "more").mkdir()
    shutil.move(tmp_path / "été" / "bild 0.png", tmp_path / "été" / "more" / "BILD.PNG")
    for name in ("été/Thumbs.db", "été/notes.txt", "été/.hidden.png", "readme.md", ".git/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    listing = list_images(tmp_path)
    assert listing.classes == ['<b>x, "q"', "Straße 1", "été"]
    assert [image.file for image in listing.images][-2:] == ["été/bild 1.jpg", "été/more/BILD.PNG"]
    assert listing.ignored == {".db": 1, ".txt": 1, "beside the folders of classes": 1}


def test_a_decomposed_name_is_the_same_class(tmp_path):
    coloured(tmp_path / "a", 1), coloured(tmp_path / "b", 1)
    (tmp_path / "b" / "été").rename(tmp_path / "b" / unicodedata.normalize("NFD", "été"))
    first, second = list_images(tmp_path / "a"), list_images(tmp_path / "b")
    assert first.classes == second.classes and digest_of_images(first) == digest_of_images(second)
    (tmp_path / "b" / "été").mkdir()
    with pytest.raises(StudyError, match="two folders that read 'été'"):
        list_images(tmp_path / "b")


def test_a_link_to_a_folder_above_ends(tmp_path):
    coloured(tmp_path, 1)
    (tmp_path / "été" / "up").symlink_to(tmp_path / "été", target_is_directory=True)
    assert len(list_images(tmp_path).images) == 3


def test_a_table_lists_the_same_as_a_folder_in_any_order_of_rows(tmp_path):
    coloured(tmp_path, 2)
    rows = [(image.file, image.label, 1) for image in list_images(tmp_path).images]
    write_csv(tmp_path / "labels.csv", ["path", "label", "other"], reversed(rows))
    assert list_images(tmp_path / "labels.csv").images == list_images(tmp_path).images
    marked = b"\xef\xbb\xbf" + (tmp_path / "labels.csv").read_bytes()
    (tmp_path / "labels.csv").write_bytes(marked)
    assert len(list_images(tmp_path / "labels.csv").images) == 6


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("path;label\na.png;x\n", "no column path and no column label.*found path;label"),
        ("", "found none"),
        ("path,label\na.png,x\nb.png,\n", "labels.csv:3: the label is empty"),
        ("path,label\n,x\n", "labels.csv:2: the path is empty"),
        ("path,label\n../a.png,x\n", r"labels.csv:2: ../a.png leads out of the table's folder"),
        ("path,label\n/etc/a.png,x\n", "leads out"),
        ("path,label\na.png,x\n./a.png,y\n", "labels.csv:3: a.png is in line 2 already"),
        ("path,label\na.png,x/y\n", "'x/y' cannot be the name of a class"),
        ("path,label\na.png,..\n", "cannot be the name of a class"),
        ('path,label\na.png,"x\ny"\n', "cannot be the name of a class"),
        ("path,label\na.png,x\n", "one class, 'x'; expected at least two"),
        ("path,label\n", "no images"),
        (b"path,label\na.png,\xff\n", "no text in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, fragment):
    table = tmp_path / "labels.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError, match=fragment) as refused:
        list_images(table)
    assert "\n" not in str(refused.value)


def without_images(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def with_one_class(folder):
    for name in list(COLOURS)[1:]:
        shutil.rmtree(folder / name)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (shutil.rmtree, "does not exist; expected a folder with a sub-folder of images for each class"),
        (without_images, "holds no images; expected at least two classes"),
        (with_one_class, "one class, 'Straße 1'; expected at least two classes"),
        (lambda folder: (folder / "empty").mkdir(), "empty holds no image"),
        (lambda folder: (folder / " x").mkdir(), "' x' cannot be the name of a class"),
        (lambda folder: (folder / os.fsdecode(b"\xff")).mkdir(), r"'\\udcff' cannot be the name"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_used_is_refused(tmp_path, change, fragment):
    change(coloured(tmp_path / "images", 1))
    with pytest.raises(StudyError, match=fragment):
        list_images(tmp_path / "images")


def test_test_images_have_the_same_classes(tmp_path):
    images, tests = coloured(tmp_path / "images", 2), coloured(tmp_path / "tests", 1)
    assert [image.split for image in list_images(images, tests).images] == ["train"] * 6 + [
        "test"
    ] * 3
    shutil.move(tests / "été", tests / "hiver")
    with pytest.raises(StudyError, match=r"the class 'hiver' is in .*tests but not in .*images"):
        list_images(images, tests)
    shutil.rmtree(tests / "hiver")
    with pytest.raises(StudyError, match=r"the class 'été' is in .*images but not in .*tests"):
        list_images(images, tests)


def test_the_digest_knows_contents_and_names_and_not_times_or_places(tmp_path):
    images, memory = coloured(tmp_path / "images", 2), tmp_path / "memory" / "digests.json"
    first = images / "été" / "bild 0.png"

    def digest(folder=images):
        fresh, remembered = (digest_of_images(list_images(folder), path) for path in (None, memory))
        assert fresh == remembered
        return fresh

    before = digest()
    shutil.copytree(images, tmp_path / "elsewhere")
    assert digest(tmp_path / "elsewhere") == before
    for path in images.rglob("*.*"):
        path.touch()
    assert digest() == before
    first.write_bytes(first.read_bytes() + b"\0")
    changed = digest()
    shutil.copy(first, first.with_name("again.png"))
    added = digest()
    first.with_name("again.png").rename(first.with_name("other.png"))
    renamed = digest()
    first.with_name("other.png").unlink()
    assert digest() == changed
    assert len({before, changed, added, renamed}) == 4


def test_files_that_did_not_change_are_not_read_again(tmp_path, monkeypatch):
    from study.data.datasets import listing

    images, memory = coloured(tmp_path / "images", 1), tmp_path / "digests.json"
    now = time.time_ns
    monkeypatch.setattr(
        listing.time, "time_ns", lambda: now() + 10**10
    )  # ten seconds later nothing is fresh any more
    before = digest_of_images(list_images(images), memory)
    monkeypatch.setattr(listing, "_content_digest", lambda path: pytest.fail(f"read {path}"))
    assert digest_of_images(list_images(images), memory) == before


def test_a_file_that_was_changed_a_moment_ago_is_not_remembered(tmp_path):
    memory = tmp_path / "digests.json"
    digest_of_images(list_images(coloured(tmp_path / "images", 1)), memory)
    assert read_json(memory) == {}


# From a folder to an array.


def fetch(tmp_path, path, *options, check=True):
    return run_script(
        "download.py", "--dataset", "folder", "--images", path, "--image-size", 24, "--scratch", tmp_path / "scratch",
        "--output", tmp_path / "raw", *options, check=check,
    )  # fmt: skip


def decode(tmp_path, *options, check=True):
    return run_script(
        "decode.py", "--dataset", "folder", "--raw", tmp_path / "raw", "--images", tmp_path / "images.npy",
        "--index", tmp_path / "index.csv", "--manifest", tmp_path / "manifest.json", *options, check=check,
    )  # fmt: skip


def test_a_folder_becomes_an_array_and_a_table(tmp_path):
    images = coloured(tmp_path / "my images", 4)
    tests = coloured(tmp_path / "tests", 2)
    digest = digest_of_images(list_images(images, tests))
    fetch(tmp_path, images, "--test-images", tests, "--digest", digest)
    decode(tmp_path)
    array, index, manifest = np.load(tmp_path / "images.npy"), read_csv(tmp_path / "index.csv"), read_json(tmp_path / "manifest.json")  # fmt: skip
    assert array.shape == (18, 24, 24, 3) and array.dtype == np.uint8
    assert manifest["classes"] == sorted(COLOURS) and manifest["sources"] == {
        "images": f"sha256:{digest}"
    }
    assert [row["source_split"] for row in index] == ["train"] * 12 + ["test"] * 6
    assert index[-1]["file"] == "été/bild 1.jpg"
    for pixels, row in zip(array, index, strict=True):
        assert np.abs(pixels.mean(axis=(0, 1)) - COLOURS[row["class"]]).max() < 12


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
    rows = [(i, i % 2, "ab"[i % 2], "test" if i > 7 else "train", f"{i}.png") for i in range(10)] + [(10, 0, "a", "test", "x")]  # fmt: skip
    write_csv(tmp_path / "index.csv", ["image_id", "label", "class", "source_split", "file"], rows)
    write_csv(tmp_path / "v1.csv", ["image_id"], [[0], [2], [3]])
    run_script(
        "count_classes.py", "--index", tmp_path / "index.csv", "--partitions", tmp_path / "v1.csv", "--page", tmp_path / "c.html",
        "--output", tmp_path / "c.csv",
    )  # fmt: skip
    assert [row | {"share": ""} for row in read_csv(tmp_path / "c.csv")] == [
        {"class": "a", "images": "6", "share": "", "official test": "2", "partition v1": "2"},
        {"class": "b", "images": "5", "share": "", "official test": "1", "partition v1": "1"},
    ]
    assert "1.2 times as many images" in (tmp_path / "c.html").read_text()


# Partitions by shares, and what a configuration may say.


def test_shares_divide_all_images_and_leave_none(tmp_path):
    labels = np.repeat([0, 1, 2], [70, 20, 11])
    drawn = draw_partitions(labels, {"a": 0.3, "b": 0.3, "c": 0.4}, 42)
    assert [len(ids) for ids in drawn.values()] == [30, 30, 41]
    assert np.array_equal(np.sort(np.concatenate(list(drawn.values()))), np.arange(101))
    by_number = draw_partitions(labels, {"a": 30, "b": 30, "c": 41}, 42)
    assert all(np.array_equal(drawn[name], by_number[name]) for name in drawn)
    assert len(draw_partitions(labels, {"a": 1.0}, 42)["a"]) == 101
    with pytest.raises(
        StudyError, match=r"partition a asks for 0.001 of 101 images, which is none"
    ):
        draw_partitions(labels, {"a": 0.001}, 42)


def test_the_script_draws_shares(tmp_path):
    write_csv(
        tmp_path / "index.csv", ["image_id", "label", "class", "source_split", "file"],
        [(i, i % 2, "ab"[i % 2], "train", "x") for i in range(40)],
    )  # fmt: skip
    options = ("--index", tmp_path / "index.csv", "--seed", 1, "--folder", tmp_path)
    run_script("partition.py", *options, "--sizes", "v1=0.25", "v2=0.5")
    assert [len(read_csv(tmp_path / f"v{n}.csv")) for n in (1, 2)] == [10, 20]
    refused = run_script("partition.py", *options, "--sizes", "v1=many", check=False)
    assert_one_clear_line(refused.stderr, "expected name=size", "'v1=many'")


def test_a_class_that_a_split_leaves_out_is_named():
    labels = np.array([0, 0, 0, 0, 1, 1])
    split = {"train": np.array([0, 1, 4, 5]), "val": np.array([2]), "test": np.array([3])}
    with pytest.raises(
        StudyError,
        match="v1: of the 2 images of the class 'rare' none is in test, and the whole data set has 2",
    ):
        insist_on_every_class(split, labels, ["common", "rare"], "v1")
    insist_on_every_class(split | {"test": np.array([3, 5])}, labels, ["common", "rare"], "v1")


def with_dataset(**changes):
    return deepcopy(CONFIG) | {"dataset": CONFIG["dataset"] | changes}


def with_sizes(*sizes):
    return deepcopy(CONFIG) | {
        "partitions": [{"name": f"v{i}", "size": size} for i, size in enumerate(sizes, 1)],
        "combos": ["v1"],
    }


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (with_dataset(name="folder"), "dataset.path is empty; write where your images are"),
        (with_dataset(path="x"), "dataset.name is 'cifar10'; for images of your own write name: folder"),
        (with_dataset(name="folder", path=__file__), "is a file, expected a folder; for a table write name: csv"),
        (with_dataset(name="csv", path="/"), "is a folder, expected a CSV file; write name: folder"),
        (with_dataset(name="folder", path="x") | {"combos": ["official"]}, "dataset.test_path is empty"),
        (with_dataset(fit="stretch"), "expected one of resize, crop"),
        (with_dataset(image_size=0), "dataset.image_size"),
        (with_sizes(0.5, 0.6), r"ask for 1.1 of the images, expected at most 1; write for example partitions: \[\{name: v1, size: 0.4545\}"),
        (with_sizes(0.5, 600), "numbers of images and shares mixed"),
        (with_sizes(600.0), r"partitions\[0\].size is 600.0, expected a number of images such as 600 or a share"),
        (with_sizes(0.0), r"partitions\[0\].size"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_says_what_to_write(config, fragment):
    with pytest.raises(StudyError, match=fragment):
        check_config(config, CONFIG_SCHEMA)


def test_shares_and_own_test_images_are_accepted():
    check_config(with_sizes(0.3, 0.3, 0.4), CONFIG_SCHEMA)
    check_config(
        with_dataset(name="folder", path="x", test_path="y") | {"combos": ["official", "v1"]},
        CONFIG_SCHEMA,
    )


@pytest.mark.parametrize(
    ("dataset", "fragment"),
    [
        ({"name": "folder", "path": "x", "image_size": 24}, "at least 32×32 pixels.*have 24×24; write dataset.image_size: 32 or more"),
        ({"name": "fashion_mnist"}, "at least 32×32 pixels.*have 28×28; take resnet9_tuned out"),
    ],
)  # fmt: skip
def test_a_model_that_needs_larger_images_is_named_with_the_size(dataset, fragment, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = with_dataset(**dataset) | {"models": ["cnn2", "resnet9_tuned"]}
    with pytest.raises(StudyError, match=fragment):
        check_study(config, ROOT / "workflow" / "schemas")


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize(("architecture", "smallest"), SMALLEST.items())
def test_the_smallest_size_of_an_architecture_is_what_it_can_do(architecture, smallest):
    def logits(size):
        network = build_model(architecture, num_classes=3, image_size=size)
        assert all(parameter.numel() for parameter in network.parameters())
        return network(torch.zeros(2, 3, size, size))

    assert logits(smallest).shape == (2, 3) and torch.isfinite(logits(smallest)).all()
    if smallest > 2:
        with pytest.raises((RuntimeError, AssertionError)):
            logits(smallest - 1)


# study new


def test_a_new_study_is_ready_to_run_and_never_replaces_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    images, target = coloured(tmp_path / "my: images #1", 24), tmp_path / "my study.yaml"
    main(["new", str(target), "--images", str(images)])
    told = capsys.readouterr().out
    assert (
        "72 images of 3 classes" in told and f"snakemake --report --configfile '{target}'" in told
    )
    study = yaml.safe_load(target.read_text())
    assert study["dataset"] == {
        "name": "folder", "path": str(images), "image_size": 32, "fit": "crop", "skip_broken": False,
    }  # fmt: skip
    assert [part["size"] for part in study["partitions"]] == [1.0]
    assert study["combos"] == ["v1"] and len(study["seeds"]) >= 3
    before = target.read_text()
    with pytest.raises(SystemExit):
        main(["new", str(target), "--images", str(images)])
    assert_one_clear_line(capsys.readouterr().err, "exists already")
    assert target.read_text() == before


def test_a_new_study_fits_its_images(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    coloured(tmp_path / "images", 9), coloured(tmp_path / "tests", 2)
    for folder in ("images", "tests"):
        rows = [(image.file, image.label) for image in list_images(tmp_path / folder).images]
        write_csv(tmp_path / folder / "labels.csv", ["path", "label"], rows)
    main(
        ["new", str(tmp_path / "s.yaml"), "--images", str(tmp_path / "images/labels.csv"), "--test-images", str(tmp_path / "tests/labels.csv")]
    )  # fmt: skip
    study = yaml.safe_load((tmp_path / "s.yaml").read_text())
    assert study["dataset"]["name"] == "csv" and study["combos"] == ["v1", "official"]
    assert study["partitions"] == [{"name": "v1", "size": 1.0}]
    sizes = np.array([[500, 400], [640, 480], [800, 800]])
    assert new.planned(90_000, 900, sizes)[:2] == (64, "crop")
    assert new.planned(90_000, 900, np.array([[50, 50]]))[:2] == (48, "resize")
    many, some, few = (new.planned(n, n // 10, sizes) for n in (90_000, 1_600, 100))
    assert [len(plan.shares) for plan in (many, some, few)] == [3, 2, 1]
    assert many.epochs < some.epochs < few.epochs
    # Where partitions are small, more of them is for testing.
    assert many.split["test"] < few.split["test"]


def test_a_new_study_of_too_few_images_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path / "s.yaml"), "--images", str(coloured(tmp_path / "images", 3))])
    assert_one_clear_line(capsys.readouterr().err, "has 3 images, expected at least 8")
    assert not (tmp_path / "s.yaml").exists()


# Other archives, made to their formats.


def write_members(folder: Path, members: dict[str, bytes]) -> dict[str, str]:
    folder.mkdir(parents=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


def test_cifar_100_is_read_with_its_fine_classes(tmp_path):
    random = np.random.default_rng(1)
    names = [f"class {i}" for i in range(100)]

    def batch(n, name):
        return {
            b"fine_labels": random.integers(0, 100, n).tolist(), b"coarse_labels": [0] * n, b"batch_label": name,
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
    module, source = dataset_module("cifar100"), Source(archive=tmp_path, checksums=checksums)
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
    assert set(cifar100.CIFAR100.md5) == set(members)


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def fashion_members(n_labels: int = 12) -> dict[str, bytes]:
    random = np.random.default_rng(1)
    return {
        "train-images-idx3-ubyte.gz": idx(random.integers(0, 256, (12, 28, 28))),
        "train-labels-idx1-ubyte.gz": idx(np.arange(n_labels) % 10),
        "t10k-images-idx3-ubyte.gz": idx(random.integers(0, 256, (3, 28, 28))),
        "t10k-labels-idx1-ubyte.gz": idx(np.array([9, 8, 7])),
    }


def test_fashion_mnist_keeps_its_size_and_gets_three_equal_colours(tmp_path):
    members = fashion_members()
    source = Source(
        archive=tmp_path / "files", checksums=write_members(tmp_path / "files", members)
    )
    fashion_mnist.fetch(tmp_path / "raw", source)
    data = fashion_mnist.decode(tmp_path / "raw", source)
    assert (
        data.images.shape == (15, 28, 28, 3) and (data.images[..., 0] == data.images[..., 2]).all()
    )
    grey = np.frombuffer(
        gzip.decompress(members["t10k-images-idx3-ubyte.gz"])[16:], np.uint8
    ).reshape(3, 28, 28)
    assert np.array_equal(data.images[12:, ..., 1], grey)
    assert data.labels[-3:].tolist() == [9, 8, 7] and data.source_split[11:13] == ["train", "test"]
    with pytest.raises(StudyError, match=r"md5 is .* expected 8d4fb7e6"):
        fashion_mnist.fetch(tmp_path / "again", Source(archive=tmp_path / "files"))
    with pytest.raises(StudyError, match="missing; expected a folder with"):
        fashion_mnist.fetch(tmp_path / "again", Source(archive=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-labels-idx1-ubyte.gz", idx(np.zeros(7)), "12 images and 7 labels"),
        ("train-labels-idx1-ubyte.gz", idx(np.full(12, 10)), "labels 0–9"),
        (
            "train-images-idx3-ubyte.gz",
            idx(np.zeros(12)),
            "not an IDX file of bytes in 3 dimensions",
        ),
        ("train-images-idx3-ubyte.gz", b"<html>", "truncated or damaged"),
        ("train-images-idx3-ubyte.gz", gzip.compress(b""), "not an IDX file"),
    ],
    ids=lambda one: one if isinstance(one, str) else "content",
)
def test_an_idx_file_of_another_shape_is_refused(tmp_path, name, content, message):
    members = fashion_members() | {name: content}
    source = Source(checksums=write_members(tmp_path / "raw", members))
    with pytest.raises(StudyError, match=message):
        fashion_mnist.decode(tmp_path / "raw", source)
