"""`study show`: every run with its status, sorted, filtered, in groups."""

from pathlib import Path

import pytest
from cli_study import printed, study, write_project
from conftest import ROOT, assert_one_clear_line

from study.errors import StudyError
from study.runs.table import run_table


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return write_project(tmp_path_factory.mktemp("cli") / "project")


def test_runs_are_shown_with_their_status_whether_they_are_finished_or_not(project):
    text = printed("show", "--configfile", "study.yaml", folder=project)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(
        line.split()[:4] == ["v1", "cnn2", "1", "ok"] and "0.300 (0.100–0.500)" in line
        for line in lines
    )
    assert any(line.split()[:4] == ["v1", "cnn2", "3", "waiting"] for line in lines)
    assert "failed: v1/cnn3/3: training set is empty" in text


def test_rows_of_chosen_columns_keep_the_names_of_their_runs(project):
    asked = ("show", "--md", "--columns", "test_accuracy", "--configfile", "study.yaml")
    header = printed(*asked, folder=project).splitlines()[0]
    assert [cell.strip() for cell in header.split("|")][1:5] == [
        "combo", "model", "seed", "test_accuracy",
    ]  # fmt: skip


def test_a_table_can_be_sorted_and_filtered_and_says_what_it_does_not_know(project):
    given = ("--configfile", "study.yaml")
    asked = ("show", "--csv", "--columns", "model", "seed", "test_accuracy", "lr")
    text = printed(
        *asked, "--sort=-test_accuracy", "--where", "status=ok", "seed!=2", *given, folder=project
    )
    table = [line.split(",") for line in text.splitlines()]
    assert table[0] == [
        "model",
        "seed",
        "test_accuracy",
        "test_accuracy_low",
        "test_accuracy_high",
        "recipe.optimizer.lr",
    ]
    assert [(row[0], row[1], float(row[2]), float(row[-1])) for row in table[1:]] == [
        ("cnn3", "1", 0.6, 0.2),
        ("cnn2", "1", 0.3, 0.1),
    ]
    assert (
        len(printed(*asked, "--where", "test_accuracy>=0.4", *given, folder=project).splitlines())
        == 4
    )
    for words, fragments in (
        (("--where", "test_acuracy>0.5"), ["test_acuracy", "did you mean 'test_accuracy'"]),
        (("--where", "seed=one"), ["seed=one", "expected a number"]),
        (("--where", "seed"), ["cannot read", "'seed'"]),
        (("--where", "seed>9"), ["none of the 6 runs"]),
        (("--sort", "speed"), ["no column 'speed'"]),
    ):
        result = study("show", *words, *given, folder=project)
        assert result.returncode == 1
        assert_one_clear_line(result.stderr, *fragments)


def test_only_changed_shows_the_settings_that_differ_and_names_the_others(project):
    text = printed(
        "show", "--only-changed", "--where", "seed=1", "--configfile", "study.yaml", folder=project
    )
    head, _, rest = text.partition("The same in all 2 rows")
    assert (
        "optimizer.lr" in head
        and "architecture." in head
        and "batch_size" not in head
        and "v1" not in head
    )
    assert "recipe.batch_size 4" in " ".join(rest.split())


def test_groups_have_means_over_seeds_and_markdown_has_as_many_cells_in_each_row(project):
    text = printed("show", "--by-group", "--md", "--configfile", "study.yaml", folder=project)
    lines = text.splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| v1 | cnn2 | 2 | 3 | 0.350 ± 0.071 |")


def test_a_summary_alone_is_enough_to_be_shown():
    text = printed(
        "show", "--results", "results/reference/laptop", "--where", "seed=42", folder=ROOT
    )
    assert "10 of 30 runs" in text


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("combo;model;seed;status\nv1;cnn2;1;ok\n", "combo"),
        ("combo,model,status\nv1,cnn2,ok\n", "seed"),
        ("combo,model,seed\nv1,cnn2,1\n", "status"),
    ],
)
def test_a_summary_that_lacks_the_names_of_runs_is_refused(tmp_path, text, missing):
    (tmp_path / "summary.csv").write_text(text)
    with pytest.raises(StudyError, match=f"summary.csv: there is no column '{missing}'; expected"):
        run_table(tmp_path)
