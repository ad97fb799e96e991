"""What a command writes never takes the place of somebody's work."""

from argparse import Namespace
from pathlib import Path

import pytest

from study.cli import compare, diff, grade, predict
from study.cli.written import Written, check_written
from study.errors import StudyError

NEW = Written("--output", "new.csv", ("a,b",))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\ufeffa,b,c\n"])
def test_what_the_option_wrote_before_may_be_overwritten(content):
    check_written([NEW])
    Path("new.csv").write_text(content)
    check_written([NEW, Written("--page", None, ())])


def test_what_it_did_not_write_is_kept():
    Path("new.csv").write_text("b,a\n")
    with pytest.raises(StudyError, match=r"--output: new.csv exists and was not written by"):
        check_written([NEW])
    with pytest.raises(StudyError, match=r"--output: . exists and was not"):
        check_written([Written("--output", ".", ("a,b",))])


def test_what_is_read_or_written_twice_is_refused():
    with pytest.raises(StudyError, match=r"new.csv is to be read, so it is not overwritten"):
        check_written([NEW], ["./new.csv"])
    with pytest.raises(StudyError, match=r"--output and --page are both ./new.csv"):
        check_written([NEW, Written("--page", "./new.csv", ())])


def test_a_result_of_a_study_is_kept_even_if_it_begins_alike():
    for name in ("results/summary.csv", "results/comparisons/comparisons.csv", "other.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("a,b\n")
    with pytest.raises(StudyError, match=r"comparisons.csv is among the results of a study"):
        check_written([NEW._replace(path="results/comparisons/comparisons.csv")])
    check_written([NEW._replace(path="other.csv"), NEW._replace(path="results/new.csv")])


@pytest.mark.parametrize(
    "name", ["summary.csv", "gallery.html", "runs/v1/cnn2/seed1/history.csv", "figures/new.svg"]
)
def test_nothing_takes_the_place_of_a_result_that_an_unfinished_study_will_make(name):
    Path("results/scratch").mkdir(parents=True)
    Path("results/scratch/started.json").write_text("{}")
    with pytest.raises(StudyError, match=f"results/{name} is among the results of a study"):
        check_written([NEW._replace(path=f"results/{name}")])
    for free in ("results/new.csv", "results/mine/summary.csv"):
        check_written([NEW._replace(path=free)])


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (compare, {"files": ["b.csv"], "labels": "l.csv", "output": "other", "page": None}),
        (compare, {"files": ["b.csv"], "labels": "l.csv", "output": None, "page": "other"}),
        (diff, {"a": "x", "b": "y", "csv": "other", "results": None}),
        (predict, {"images": ["b.jpg"], "output": "other"}),
        (grade, {"submissions": ["b.tar.gz"], "output": "other", "data": "data"}),
    ],
)
def test_every_command_asks_before_it_computes(command, given):
    Path("other").write_text("file,cat,dog\n")
    with pytest.raises(StudyError, match=r"other exists and was not written by this option"):
        command.answer(Namespace(**given))
    assert Path("other").read_text() == "file,cat,dog\n"
