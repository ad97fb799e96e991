"""What students wrote as their id neither computes in a spreadsheet nor commands a terminal."""

import argparse
from types import SimpleNamespace

import pandas as pd
import pytest

from study.audit.grading import Submission
from study.cli import grade
from study.files import read_csv


@pytest.mark.parametrize(
    ("student", "cell"),
    [
        ('=HYPERLINK("http://x","s1")', '\'=HYPERLINK("http://x","s1")'),
        ("@SUM(A1)\x1b[2J", "'@SUM(A1)\\x1b[2J"),
        ("\t=1", "\\t=1"),
        ("s1\rx", "s1\\rx"),
        ("s1234567", "s1234567"),
    ],
)
def test_an_id_is_text_in_the_table_and_on_the_screen(tmp_path, monkeypatch, capsys, student, cell):
    runs = pd.DataFrame(columns=["combo", "model", "seed", "accuracy"])
    predicted = {"v1/x/1": "there is no network 'x' here", "v1/cnn2/1": ""}
    handed_in = Submission("-x.tar.gz", student, [], runs, 1, [], frozenset(), predicted)
    (tmp_path / "manifest.json").touch()
    (tmp_path / "-x.tar.gz").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        grade, "find_project", lambda files: SimpleNamespace(config={"combos": ["v1"]})
    )
    monkeypatch.setattr(grade, "digests_of_scripts", lambda folder: {})
    monkeypatch.setattr(grade, "_read", lambda *arguments: handed_in)
    grade.answer(
        argparse.Namespace(
            submissions=["-x.tar.gz"], data=".", configfile=None, output="grades.csv"
        )
    )
    (row,) = read_csv("grades.csv")
    assert row["student"] == cell and row["submission"] == "'-x.tar.gz"
    assert row["predicted_again"] == "1"
    printed = capsys.readouterr().out
    assert all(line.isprintable() for line in printed.split("\n"))
    assert "predictions of 1 run not made again: there is no network 'x'" in printed


def test_files_of_one_name_are_told_apart_where_they_hold_the_same(tmp_path, monkeypatch):
    def read(path, name, *arguments):
        student, weights = path.read_text().split()
        return Submission(name, student, [], runs, 1, [], frozenset([weights]))

    runs = pd.DataFrame(columns=["combo", "model", "seed", "accuracy"])
    (tmp_path / "manifest.json").touch()
    monkeypatch.chdir(tmp_path)
    for folder, content in (("a", "s1 w1"), ("b", "s2 w1"), ("c", "s3 w3")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "study.tar.gz").write_text(content)
    (tmp_path / "d.tar.gz").write_text("s3 w4")
    project = SimpleNamespace(config={"combos": ["v1"]})
    monkeypatch.setattr(grade, "find_project", lambda files: project)
    monkeypatch.setattr(grade, "digests_of_scripts", lambda folder: {})
    monkeypatch.setattr(grade, "_read", read)
    given = [*(f"{folder}/study.tar.gz" for folder in "abc"), "d.tar.gz"]
    grade.answer(
        argparse.Namespace(submissions=given, data=".", configfile=None, output="grades.csv")
    )
    rows = read_csv("grades.csv")
    assert [row["submission"] for row in rows] == given
    assert [row["same_as"] for row in rows] == [given[1], given[0], given[3], given[2]]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["results/study.json"], "."),
        (["study.json"], "."),
        (["study.tar.gz", "notes.pdf"], "study.tar.gz"),
        (["study/results/study.json", ".DS_Store"], "study"),
        (["a.tar", "b.tar"], "."),
        (["notes.pdf"], "."),
    ],
)
def test_a_study_is_found_in_the_folder_that_a_course_system_made(tmp_path, files, found):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert grade.handed_in(tmp_path) == tmp_path / found
