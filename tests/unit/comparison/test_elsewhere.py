"""Predictions from elsewhere: compared as runs of a study are, or refused in one line."""

import shutil
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar

from study.cli.main import main
from study.comparison.elsewhere import study_of_predictions
from study.comparison.tables import comparisons
from study.errors import StudyError

CLASSES = np.array(["cat", "dog", "fox"])


def write(folder, name, strength, true, random):
    logits = random.normal(0, 1, (len(true), 3)) + strength * np.eye(3)[true]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = pd.DataFrame(p, columns=CLASSES)
    table.insert(0, "file", [f"{i}.png" for i in range(len(true))])
    # Another order of rows and columns is the same table.
    table.sample(frac=1, random_state=1)[["fox", "file", "dog", "cat"]].to_csv(
        folder / name, index=False
    )
    return p.argmax(axis=1) == true


def test_the_order_in_which_files_are_named_chooses_no_seed(tmp_path, capsys):
    random = np.random.default_rng(1)
    true = random.integers(3, size=200)
    labels = pd.DataFrame({"file": [f"{i}.png" for i in range(200)], "label": CLASSES[true]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    names = [f"a_seed{n}.csv" for n in (10, 9, 2, 1)] + ["b.csv"]
    for name in names:
        write(tmp_path, name, 1.0, true, random)
    said = []
    for order in (names, names[::-1]):
        files = [str(tmp_path / name) for name in order]
        main(["compare", *files, "--labels", str(tmp_path / "labels.csv")])
        said.append(sorted(capsys.readouterr().out.splitlines()))
    apart = [[line for line in lines if "points" not in line] for lines in said]
    assert apart[0] == apart[1]
    assert "seeds of a: a_seed1, a_seed2, a_seed9, a_seed10" in said[0]
    assert any("1 or 4 seeds; a pair is compared by the first" in line for line in said[0])
    (difference,) = (line.split(" points")[0].split()[-1] for line in said[0] if "points" in line)
    (other,) = (line.split(" points")[0].split()[-1] for line in said[1] if "points" in line)
    assert abs(float(difference)) == abs(float(other))


@pytest.fixture
def files(tmp_path):
    random = np.random.default_rng(0)
    true = random.integers(3, size=500)
    labels = pd.DataFrame({"file": [f"{i}.png" for i in range(500)], "label": CLASSES[true]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    right = {
        name: write(tmp_path, name, strength, true, random)
        for name, strength in (("a_1.csv", 1.0), ("a_2.csv", 1.0), ("b.csv", 2.0))
    }
    return tmp_path, right


def test_two_files_are_compared_by_mcnemar_and_seeds_are_found_by_their_names(files):
    folder, right = files
    study = study_of_predictions([folder / "a_1.csv", folder / "b.csv"], folder / "labels.csv")
    pairs = comparisons(study, 0.005)[0]
    row = pairs[pairs["measure"] == "accuracy"].iloc[0]
    a, b = right["a_1.csv"], right["b.csv"]
    assert row["difference"] == pytest.approx(b.mean() - a.mean())
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), 0]]
    assert row["p"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    both = study_of_predictions([folder / f"a_{i}.csv" for i in (1, 2)], folder / "labels.csv")
    assert both.models == ["a"] and both.seeds == [1, 2]


@pytest.mark.parametrize(("mark", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("\t", ",")])
def test_tables_may_be_saved_with_semicolons_tabs_and_decimal_commas(files, mark, decimal):
    """A class may have a comma in its name, which the header does not quote then."""
    folder, right = files
    for name in ("a_1.csv", "labels.csv"):
        table = (
            pd.read_csv(folder / name)
            .replace("cat", "cat, big")
            .rename(columns={"cat": "cat, big"})
        )
        table.to_csv(folder / f"other_{name}", sep=mark, decimal=decimal, index=False)
    study = study_of_predictions([folder / "other_a_1.csv"], folder / "other_labels.csv")
    [answered] = study.group("official", "other_a").values()
    assert np.array_equal(answered.values["accuracy"], right["a_1.csv"])


@pytest.mark.parametrize("uneven", [False, True])
def test_measures_that_suit_uneven_classes_are_compared_where_classes_are_uneven(tmp_path, uneven):
    random = np.random.default_rng(0)
    true = random.choice(3, size=300, p=[0.8, 0.15, 0.05] if uneven else None)
    pd.DataFrame({"file": [f"{i}.png" for i in range(300)], "label": CLASSES[true]}).to_csv(
        tmp_path / "labels.csv", index=False
    )
    for name, strength in (("a.csv", 1.0), ("b.csv", 2.0)):
        write(tmp_path, name, strength, true, random)
    names = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    study = study_of_predictions(names, tmp_path / "labels.csv")
    pairs = comparisons(study, 0.005)[0].set_index("measure")
    assert ({"balanced_accuracy", "macro_f1", "auroc"} <= set(pairs.index)) == uneven
    if uneven:
        row = pairs.loc["balanced_accuracy"]
        p = pd.read_csv(names[0]).set_index("file").reindex([f"{i}.png" for i in range(300)])
        p = p[CLASSES].to_numpy()
        predicted = p.argmax(axis=1)
        assert row["mean_a"] == pytest.approx(balanced_accuracy_score(true, predicted))
        f1 = f1_score(true, predicted, average="macro")
        assert pairs.loc["macro_f1", "mean_a"] == pytest.approx(f1)
        area = roc_auc_score(true, p, multi_class="ovr")
        assert pairs.loc["auroc", "mean_a"] == pytest.approx(area)
        assert row["low"] < row["difference"] < row["high"]
        # The small classes' images weigh more, so that less is known than of accuracy.
        assert row["high"] - row["low"] > 1.2 * np.ptp(pairs.loc["accuracy", ["low", "high"]])


def test_the_command_prints_letters_and_verdicts_and_writes_the_tables(files, capsys):
    folder, _ = files
    names = [str(folder / name) for name in ("a_1.csv", "b.csv")]
    outputs = ["--output", str(folder / "o.csv"), "--page", str(folder / "o.html")]
    main(["compare", *names, "--labels", str(folder / "labels.csv"), *outputs])
    assert "b is better" in capsys.readouterr().out
    assert "1 of 1 difference of accuracy is real" in (folder / "o.html").read_text()
    assert set(pd.read_csv(folder / "o.csv")["measure"]) == {"accuracy", "nll", "brier"}


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("a_1", "a_2", "b"), "other test images, for these trained models."),
        # A model of one seed takes the noise of those of several.
        (("a_1", "a_2", "c_1", "c_2", "b"), "other seeds and other images of the same source."),
    ],
)
def test_the_page_says_what_its_intervals_are_for(files, names, what):
    folder, _ = files
    for seed in (1, 2):
        table = pd.read_csv(folder / f"a_{seed}.csv")
        swapped = table.assign(cat=table["dog"], dog=table["cat"])
        swapped.to_csv(folder / f"c_{seed}.csv", index=False)
    given = [str(folder / f"{name}.csv") for name in names]
    page = folder / "o.html"
    main(["compare", *given, "--labels", str(folder / "labels.csv"), "--page", str(page)])
    assert f"Intervals are for {what}" in page.read_text()


def test_archives_say_the_same_as_tables_and_may_stand_beside_them(files, capsys):
    folder, _ = files
    printed = []
    for as_archive in ((), ("b",), ("a_1", "a_2", "b")):
        for name in as_archive:
            table = pd.read_csv(folder / f"{name}.csv", index_col="file")
            values, names = table.to_numpy(), list(table)
            np.savez(folder / name, probabilities=values, classes=names, files=list(table.index))
        endings = {name: "npz" if name in as_archive else "csv" for name in ("a_1", "a_2", "b")}
        names = [str(folder / f"{name}.{ending}") for name, ending in endings.items()]
        main(["compare", *names, "--labels", str(folder / "labels.csv")])
        printed.append(capsys.readouterr().out)
    assert "b is better" in printed[0] and len(set(printed)) == 1


def test_hundreds_of_thousands_of_images_take_seconds(tmp_path, capsys):
    random, n = np.random.default_rng(0), 300_000
    true = random.integers(3, size=n)
    table = pd.DataFrame({"image_id": np.arange(n), "label": CLASSES[true]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    names = [str(tmp_path / f"{name}.npz") for name in "ab"]
    for name, strength in zip(names, (1.0, 1.1), strict=True):
        logits = (random.normal(size=(n, 3)) + strength * np.eye(3)[true]).astype(np.float32)
        np.savez(name, logits=logits, classes=CLASSES, image_id=table["image_id"])
    started = time.process_time()
    main(["compare", *names, "--labels", str(tmp_path / "labels.csv")])
    assert time.process_time() - started < 60  # some two seconds; pairs of images would take days
    assert "b is better" in capsys.readouterr().out


@pytest.mark.parametrize("role", ["train", "val"])
def test_who_trained_on_test_images_cannot_be_compared(files, role):
    folder, _ = files
    table = pd.read_csv(folder / "b.csv").assign(role="test")
    table.to_csv(folder / "c.csv", index=False)
    named = [folder / "a_1.csv", folder / "c.csv"]
    assert study_of_predictions(named, folder / "labels.csv").models == ["a", "c"]
    table.loc[3, "role"] = role
    table.to_csv(folder / "c.csv", index=False)
    with pytest.raises(StudyError, match=f"1 labelled images, first file {table['file'][3]}"):
        study_of_predictions(named, folder / "labels.csv")


def test_images_of_one_group_count_together(files):
    folder, _ = files
    labels, named = pd.read_csv(folder / "labels.csv"), [folder / "a_1.csv", folder / "b.csv"]
    labels["group"] = [f"p{i // 10}" for i in range(500)]
    labels.to_csv(folder / "grouped.csv", index=False)
    pairs = comparisons(study_of_predictions(named, folder / "grouped.csv"), 0.005)[0]
    assert (pairs["n_images"] == 50).all() and (pairs["n_tests"] == 500).all()
    labels.assign(group="one").to_csv(folder / "one.csv", index=False)
    pairs = comparisons(study_of_predictions(named, folder / "one.csv"), 0.005)[0]
    assert tuple(pairs.loc[pairs["measure"] == "accuracy", ["low", "high"]].iloc[0]) == (-1, 1)
    labels.assign(group=["7", "007", "1.1", "1.10"] * 125).to_csv(folder / "like.csv", index=False)
    pairs = comparisons(study_of_predictions(named, folder / "like.csv"), 0.005)[0]
    assert (pairs["n_images"] == 4).all()
    labels.loc[7, "group"] = None
    labels.to_csv(folder / "grouped.csv", index=False)
    with pytest.raises(StudyError, match=r"grouped.csv: the group of file 7.png is empty"):
        study_of_predictions(named, folder / "grouped.csv")


def test_a_number_is_a_seed_only_apart_and_no_two_files_have_one_name(files):
    folder, _ = files
    (folder / "other").mkdir()
    names = ["resnet18.csv", "resnet50.csv", "x-1.csv", "xseed2.csv", "other/b.csv"]
    for name in names:
        shutil.copy(folder / "b.csv", folder / name)
    paths = [folder / name for name in names]
    study = study_of_predictions(paths, folder / "labels.csv")
    assert study.models == ["resnet18", "resnet50", "x", "b"]
    with pytest.raises(StudyError, match="another file has its name"):
        study_of_predictions([*paths, folder / "b.csv"], folder / "labels.csv")


@pytest.mark.parametrize("option", ["--output", "--page"])
def test_what_is_read_is_not_overwritten(files, option, capsys):
    folder, _ = files
    given = [str(folder / name) for name in ("a_1.csv", "b.csv", "labels.csv")]
    before = (folder / "b.csv").read_bytes()
    with pytest.raises(SystemExit) as ended:
        main(["compare", *given[:2], "--labels", given[2], option, given[1]])
    assert ended.value.code and "is not overwritten" in capsys.readouterr().err
    assert (folder / "b.csv").read_bytes() == before


def test_a_class_that_no_image_is_of_is_named_with_what_to_do(files):
    folder, _ = files
    labels = pd.read_csv(folder / "labels.csv").replace("fox", "dog")
    labels.to_csv(folder / "two.csv", index=False)
    with pytest.raises(StudyError, match="no image of the labels is of the class fox: label some"):
        study_of_predictions([folder / "b.csv"], folder / "two.csv")


@pytest.mark.parametrize("name", ["role", "file", "image_id"])
def test_a_class_with_the_name_of_a_column_needs_an_archive(files, name):
    folder, right = files
    labels = pd.read_csv(folder / "labels.csv").replace("fox", name)
    labels.to_csv(folder / "named.csv", index=False)
    with pytest.raises(StudyError, match=f"the class {name} has the name of a column"):
        study_of_predictions([folder / "b.csv"], folder / "named.csv")
    table = pd.read_csv(folder / "b.csv", index_col="file").rename(columns={"fox": name})
    np.savez(folder / "b", probabilities=table, classes=list(table), files=list(table.index))
    study = study_of_predictions([folder / "b.npz"], folder / "named.csv")
    [answered] = study.group("official", "b").values()
    assert np.array_equal(answered.values["accuracy"], right["b.csv"])


def test_labels_without_images_are_refused(files):
    folder, _ = files
    (folder / "none.csv").write_text("file,label\n")
    with pytest.raises(StudyError, match=r"none.csv: expected"):
        study_of_predictions([folder / "b.csv"], folder / "none.csv")
