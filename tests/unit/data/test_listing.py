"""Which images a folder or a table names, and what is refused in one line."""

import os
import shutil
import unicodedata

import pytest
from made_images import COLOURS, coloured

from study.data.datasets.digest import digest_of_images
from study.data.datasets.listing import list_images
from study.data.image_files import find_images
from study.errors import StudyError
from study.files import write_csv


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


def test_what_systems_put_among_images_is_left_alone(tmp_path):
    images = coloured(tmp_path, 2)
    before = list_images(images).images, find_images([images])
    for name in (
        "__MACOSX/été/._bild 0.png", "été/@eaDir/bild 0.png/THUMB_M.png", "#recycle/old.png",
        "$RECYCLE.BIN/S-1/x.png", "System Volume Information/x", "lost+found/x", "été/._bild 0.png",
    ):  # fmt: skip
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(images / "été" / "bild 0.png", images / name)
    assert (list_images(images).images, find_images([images])) == before


def test_a_decomposed_name_is_the_same_class(tmp_path):
    coloured(tmp_path / "a", 1), coloured(tmp_path / "b", 1)
    (tmp_path / "b" / "été").rename(tmp_path / "b" / unicodedata.normalize("NFD", "été"))
    first, second = list_images(tmp_path / "a"), list_images(tmp_path / "b")
    assert first.classes == second.classes and digest_of_images(first) == digest_of_images(second)
    (tmp_path / "b" / "été").mkdir()
    with pytest.raises(StudyError, match="two folders that read 'été'"):
        list_images(tmp_path / "b")


@pytest.mark.parametrize("how", ["same", "link", "table", "files"])
def test_images_are_not_for_training_and_for_testing(tmp_path, how):
    images, tests = coloured(tmp_path / "images", 2), tmp_path / "tests"
    if how == "link":
        tests.symlink_to(images, target_is_directory=True)
    if how == "table":
        tests = images / "labels.csv"
        rows = [(image.file, image.label) for image in list_images(images).images]
        write_csv(tests, ["path", "label"], rows)
    if how == "files":
        coloured(tests, 1)
        (tests / "été" / "one.png").symlink_to(images / "été" / "bild 0.png")
    with pytest.raises(StudyError, match=r"images? of .* would be for training too, such as"):
        list_images(images, images if how == "same" else tests)


def test_a_copy_of_a_training_image_may_be_for_testing(tmp_path):
    images = coloured(tmp_path / "images", 1)
    shutil.copytree(images, tmp_path / "tests", copy_function=os.link)
    assert len(list_images(images, tmp_path / "tests").images) == 6


def test_a_link_to_a_folder_above_ends(tmp_path):
    coloured(tmp_path, 1)
    (tmp_path / "été" / "up").symlink_to(tmp_path / "été", target_is_directory=True)
    (tmp_path / "été" / "all").symlink_to("..", target_is_directory=True)
    assert len(list_images(tmp_path).images) == 3


def test_a_table_lists_the_same_as_a_folder_in_any_order_of_rows(tmp_path):
    coloured(tmp_path, 2)
    rows = [(image.file, image.label, 1) for image in list_images(tmp_path).images]
    write_csv(tmp_path / "labels.csv", ["path", "label", "other"], reversed(rows))
    assert list_images(tmp_path / "labels.csv").images == list_images(tmp_path).images


def test_a_table_of_a_spreadsheet_on_windows_lists_the_same(tmp_path):
    images = coloured(tmp_path, 2, {"été": (1, 2, 3), "b": (3, 2, 1)})
    files = [(image.file, image.label) for image in list_images(images).images]
    lines = [f"{file.replace('/', chr(92))};{label}" for file, label in files]
    (images / "labels.csv").write_text("\r\n".join(["path; label", *lines, ""]), "utf-8-sig")
    assert list_images(images / "labels.csv") == list_images(images)._replace(ignored={})


def test_absolute_paths_below_the_table_are_the_same(tmp_path):
    images = coloured(tmp_path, 1)
    rows = [(image.path, image.label) for image in list_images(images).images]
    write_csv(tmp_path / "labels.csv", ["path", "label"], rows)
    assert list_images(tmp_path / "labels.csv").images == list_images(images).images


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("path:label\na.png:x\n", "no column path and no column label.*found path:label"),
        ("path;label\na.png;x\nb.png;\n", "labels.csv:3: the label is empty"),
        ("path,label\nC:\\a\\b.png,x\n", "a.b.png is not in the folder of the table"),
        ("path,label\ncats\\b.png,x\n", "none of the 1 files .* is there; .*/cats/b.png; paths"),
        ("", "found none"),
        ("path,label\na.png,x\nb\0.png,y\n", r"labels.csv:3: 'b.x00.png' has the character NUL"),
        ("path,label,Split\na.png,x,test\n", "has the column Split, .* by test_path"),
        ("path,label,fold\na.png,x,1\n", "has the column fold, .* by test_path"),
        ("path,label\na.png,x\nb.png,\n", "labels.csv:3: the label is empty"),
        ("path,label\n,x\n", "labels.csv:2: the path is empty"),
        ("path,label\n../a.png,x\n", r"labels.csv:2: ../a.png is not in the folder of the table"),
        ("path,label\n/etc/a.png,x\n", "/etc/a.png is not in the folder of the table"),
        ("path,label\na.png,x\n./a.png,y\n", "labels.csv:3: a.png is in line 2 already"),
        ("path,label\na.png,x/y\n", "'x/y' cannot be the name of a class"),
        ("path,label\na.png,..\n", "cannot be the name of a class"),
        ('path,label\na.png,"x\ny"\n', "in its name"),
        ("path,label\na.png,=1+1\n", "'=1\\+1' cannot be the name of a class"),
        ("path,label\na.png,@x\n", "cannot be the name of a class"),
        ("path,label\na.png," + "x" * 256 + "\n", "at most 255 bytes"),
        ("path,label\na.png,x\n", "one class, 'x'; expected at least two"),
        ("path,label\n", "no images"),
        (b"path,label\na.png,\xff\n", "no text in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, fragment):
    table = tmp_path / "labels.csv"
    (tmp_path / "a.png").touch()
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError, match=fragment) as refused:
        list_images(table)
    assert "\n" not in str(refused.value)


def without_images(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def below(folder):
    """Return the same folder one deeper, as archives are often unpacked."""
    moved = folder.rename(folder.with_name("moved"))
    folder.mkdir()
    moved.rename(folder / "unpacked")
    return folder / "unpacked"


def photographs(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"\0\0\0 ftypheic" + bytes(20))


def with_one_class(folder):
    for name in list(COLOURS)[1:]:
        shutil.rmtree(folder / name)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (shutil.rmtree,
        "does not exist; expected a folder with a sub-folder of images for each class"),
        (without_images, "holds no images; expected at least two classes"),
        (with_one_class, "one class, 'Straße 1'; expected at least two classes"),
        (lambda folder: (folder / "empty").mkdir(), "empty holds no image; .* the folder$"),
        (lambda folder: [(folder / name).mkdir() for name in ("e1", "e2", "e3")],
        "e1 holds no image; .*; the same with e2, e3$"),
        (lambda folder: photographs(folder / "b", "x.MOV"), r"b holds no image, only 1 \.mov;"),
        (below, r"one class, 'unpacked'.*did you mean"),
        (lambda folder: (folder / " x").mkdir(), "' x' cannot be the name of a class"),
        (lambda folder: (folder / os.fsdecode(b"\xff")).mkdir(), r"U\+DCFF .*, or no utf-8"),
        (lambda folder: (folder / "Maine\u00a0Coon").mkdir(), r"U\+00A0 .*no-break space"),
        (lambda folder: (folder / "cat\u200d").mkdir(), r"U\+200D .*zero width joiner"),
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


def test_classes_may_be_called_like_values(tmp_path):
    names = ["+1", "-1", "-cat", "0", "007", "NA", "None", "nan", "null"]
    (tmp_path / "0.png").touch()
    rows = "".join(f"{number}.png,{name}\n" for number, name in enumerate(names))
    (tmp_path / "labels.csv").write_text(f"path,label\n{rows}")
    assert list_images(tmp_path / "labels.csv").classes == names


def test_photographs_of_a_phone_are_images_but_no_class_is_of_these_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("study.data.datasets.listing.reads_heif", lambda: False)
    images = coloured(tmp_path, 2)
    photographs(images / "zoo", "1.HEIC", "2.heic", "3.heif", "film.mov")
    with pytest.raises(StudyError, match=r"only 2 \.heic, 1 \.heif .*pip install pillow-heif"):
        list_images(images)
    coloured(images, 1, {"zoo": (1, 2, 3)})
    listing = list_images(images)
    assert [image.label for image in listing.images].count("zoo") == 4
    assert listing.ignored == {".mov": 1}


def test_photographs_are_another_data_set_once_they_can_be_read(tmp_path, monkeypatch):
    images = coloured(tmp_path, 2)
    shutil.copy(images / "été" / "bild 0.png", images / "été" / "x.heic")
    digests = set()
    for installed in (True, False):
        monkeypatch.setattr("study.data.datasets.digest.reads_heif", lambda it=installed: it)
        digests.add(digest_of_images(list_images(images)))
    assert len(digests) == 2


def test_a_file_without_ending_is_what_it_begins_like(tmp_path):
    images = coloured(tmp_path, 1)
    shutil.copy(images / "été" / "bild 0.png", images / "été" / "picture")
    (images / "été" / "LICENSE").write_text("none")
    listing = list_images(images)
    assert "été/picture" in [image.file for image in listing.images]
    assert listing.ignored == {"without suffix": 1}


@pytest.mark.parametrize(
    ("parts", "advice"),
    [
        (["train", "test"], "write path: .*/train and test_path: .*/test "),
        (["Training", "Testing", "VALID"], "write path: .*/Training and test_path: .*/Testing "),
        (["train", "val"], "write path: .*/train and test_path: .*/val "),
        (["seg_train", "seg_test"], "write path: .*/seg_train and test_path"),
        (["train_images", "test_images/all"], "write path: .*/train_images \\("),
        (["train/a/b/c", "test"], "expected a folder with"),
    ],
)
def test_parts_of_a_data_set_are_no_classes(tmp_path, parts, advice):
    for part in parts:
        coloured(tmp_path / part, 1)
    if "train/a/b/c" in parts:
        shutil.rmtree(tmp_path / "train"), photographs(tmp_path / "train", "a.jpg")
    with pytest.raises(StudyError, match=f"{parts[0].split('/')[0]}/.* look like parts.*{advice}"):
        list_images(tmp_path)


@pytest.mark.parametrize("classes", [["train", "bus"], ["test", "tram", "train"], ["dev", "ops"]])
def test_a_class_may_be_called_train(tmp_path, classes):
    coloured(tmp_path, 1, dict.fromkeys(classes, (1, 2, 3)))
    assert list_images(tmp_path).classes == sorted(classes)


def test_classes_are_called_as_languages_need_it(tmp_path):
    names = ["می\u200cروم", "👩\u200d🔬"]
    for name in names:
        coloured(tmp_path / "images", 1)
        (tmp_path / "images" / "été").rename(tmp_path / "images" / name)
    assert set(list_images(tmp_path / "images").classes) > set(names)
