"""Groups of your own images: from a column or a pattern, in the digest, and guessed from names."""

import pytest
import yaml
from conftest import ROOT, assert_one_clear_line
from made_images import coloured

from study.cli.main import main
from study.data.datasets.digest import digest_of_images
from study.data.datasets.image_groups import check_groups, group_pattern
from study.data.datasets.listing import list_images
from study.data.likely_groups import likely_groups
from study.errors import StudyError
from study.files import write_csv


def patients(folder, per_class=6, pictures=3):
    """Make a folder of two classes of patients and return it."""
    for k, name in enumerate("ab"):
        (folder / name).mkdir(parents=True)
        for i in range(per_class * pictures):
            patient = k * per_class + i // pictures
            (folder / name / f"patient{patient:02d}_{i % pictures}.png").write_bytes(b"%d" % i)
    return folder


def table(folder, group=lambda image: image.group):
    """Write the folder's table with a column of groups and return it."""
    images = list_images(folder, group=r"(patient\d+)").images
    rows = [(image.file, image.label, group(image)) for image in images]
    write_csv(folder / "labels.csv", ["path", "label", "group"], rows)
    return folder / "labels.csv"


def test_a_pattern_and_a_column_say_the_same_and_another_group_is_another_data_set(tmp_path):
    folder = patients(tmp_path / "images")
    by_pattern = list_images(folder, group=r"(patient\d{2})_").images
    assert by_pattern == list_images(table(folder)).images
    assert [image.group for image in by_pattern[:4]] == ["patient00"] * 3 + ["patient01"]
    digests = {
        digest_of_images(list_images(folder, group=group))
        for group in ("", r"(patient\d+)", r"/(patient\d\d)", r"(patient\d)")
    }
    assert len(digests) == 3  # another pattern of the same groups is none
    site = list_images(folder, group=r"^(\w)/patient(\d)").images
    assert {image.group for image in site} == {"a/0", "b/0", "b/1"}


@pytest.mark.parametrize(
    ("pattern", "fragment"),
    [
        (r"patient\d+", "no part is in parentheses"),
        (r"(patient", "no regular expression"),
        (r"(doctor\d+)", "finds no group in 36 of 36 paths, such as a/patient00_0.png"),
        (r"(patient0\d)", r"in 6 of 36 paths, such as b/patient10_0.png.*'\(patient0\\d\)\|\(\.\+"),
        (r"-(x)", "does not begin with -"),
        ("(a\nb)", "without control characters"),
        (r"(x?)", "finds no group in 36 of 36 paths"),
    ],
)
def test_a_pattern_that_does_not_group_all_is_refused_in_one_line(tmp_path, pattern, fragment):
    with pytest.raises(StudyError, match=fragment) as refused:
        group_pattern(pattern)
        list_images(patients(tmp_path / "images"), group=pattern)
    assert "\n" not in str(refused.value)


def test_a_column_with_an_empty_cell_or_beside_a_pattern_is_refused(tmp_path):
    labels = table(patients(tmp_path / "images"))
    with pytest.raises(StudyError, match="has a column group; remove one"):
        list_images(labels, group="(patient)")
    tests = patients(tmp_path / "tests")
    with pytest.raises(StudyError, match=r"column group and a/patient00_0.png has none"):
        list_images(labels, tests)
    labels = table(tmp_path / "images", lambda image: image.group.replace("patient03", " "))
    with pytest.raises(StudyError, match=r"labels.csv:11: the group of a/patient03_0.png is empty"):
        list_images(labels)


def test_too_few_groups_and_groups_that_are_tested_too_are_refused(tmp_path):
    folder = patients(tmp_path / "images")
    images = list_images(folder, group=r"(patient\d+)").images
    check_groups(images, 2, 3)
    check_groups(list_images(folder).images, 100, 3)
    with pytest.raises(StudyError, match=r"'a' has only 6 groups \(patient00, .*at least 9"):
        check_groups(images, 3, 3)
    one = [image._replace(group="p") if image.label == "b" else image for image in images]
    with pytest.raises(StudyError, match="'b' has all its images in one group, 'p'"):
        check_groups(one, 1, 2)
    tests = patients(tmp_path / "tests", 1)
    both = list_images(folder, tests, r"(patient\d+)").images
    with pytest.raises(StudyError, match=r"dataset.test_path: .* 'patient00' .* a/patient00_0.png"):
        check_groups(both, 1, 3)


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("{c}/IMG_{g:04d}_{i}.jpg", "c0/IMG_0000_1.jpg"),
        ("{c}/patient {g} ({i}).png", "c0/patient 0 (1).png"),
        ("{c}/{g}/{i}.png", "c0/0/1.png"),
        ("video{g}frame{n:05d}.png", "video0frame00001.png"),
        ("{c}/IMG_{n:04d}.jpg", None),  # one picture after the other
        ("{c}/{c}_{i}{g}.png", None),  # a class is no group
        ("{c}/IMG_20260101_{n:06d}.jpg", None),
    ],
)
def test_names_suggest_groups_by_a_pattern_that_finds_them(name, example):
    numbers = [(c, g, i) for c in range(2) for g in range(5 * c, 5 * c + 5) for i in range(4)]
    files = {
        name.format(c=f"c{c}", g=g, i=i, n=4 * g + i): f"c{c}"
        for c, g, i in numbers
    }  # fmt: skip
    guess = likely_groups(files.items())
    if example is None:
        assert guess is None
    else:
        assert guess.example[1] == example and (guess.n_images, guess.n_groups) == (40, 10)
        found = group_pattern(guess.pattern)
        assert len({"".join(filter(None, found.search(file).groups())) for file in files}) == 10


def test_a_new_study_says_where_names_suggest_groups_and_how_to_write_them(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(ROOT)
    images = coloured(tmp_path / "images", 12)
    for number, path in enumerate(sorted(images.rglob("*.*"))):
        path.rename(path.with_name(f"burst{number // 3}_{number % 3}{path.suffix}"))
    main(["new", str(tmp_path / "s.yaml"), "--images", str(images)])
    note = capsys.readouterr().err
    assert "images are of 12 patients, bursts or videos" in note
    text = (tmp_path / "s.yaml").read_text().replace("  # group:", "  group:")
    pattern = yaml.safe_load(text)["dataset"]["group"]
    assert f"write group: '{pattern}'" in note
    (tmp_path / "s.yaml").unlink()
    main(["new", str(tmp_path / "s.yaml"), "--images", str(coloured(tmp_path / "plain", 12))])
    assert "bursts" not in capsys.readouterr().err


def test_a_new_study_has_as_many_partitions_as_there_are_groups_for(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    for per_class, n in ((5, 1), (6, 2)):
        folder = patients(tmp_path / f"images{per_class}", per_class, 30)
        main(["new", str(tmp_path / f"{n}.yaml"), "--images", str(table(folder))])
        study = yaml.safe_load((tmp_path / f"{n}.yaml").read_text())
        assert len(study["partitions"]) == n and "group" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        table(patients(tmp_path / "few", 2, 30))
        main(["new", str(tmp_path / "s.yaml"), "--images", str(tmp_path / "few" / "labels.csv")])
    assert_one_clear_line(capsys.readouterr().err, "'a' has only 2 groups")
