"""Files are whole or absent and read back as written; an error has their name."""

import io
import os
import re
import tracemalloc
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study import files
from study.data.index import read_image_ids
from study.errors import StudyError
from study.files import (
    atomic_path,
    file_cell,
    read_array,
    read_csv,
    read_json,
    read_table,
    read_yaml,
    text_cell,
    write_csv,
    write_json,
    write_table,
)
from study.runs.prediction_files import read_saved_table
from study.runs.predictions import load_predictions


def test_an_output_is_whole_or_absent(tmp_path):
    path = tmp_path / "out.txt"
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        raise ZeroDivisionError
    assert path.read_text() == "before"


def test_what_is_recorded_as_done_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    def synced(number: int) -> None:
        events.append(str(Path(f"/proc/self/fd/{number}").readlink()))

    events = []
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", lambda path, target: events.append("named"))
    with atomic_path(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "a").touch()
    assert events == [f"{temporary}/a", str(temporary), "named", str(tmp_path)]
    events.clear()
    with atomic_path(tmp_path / "growing.csv", lasting=False) as temporary:
        temporary.touch()
    assert events == ["named"]


def array_file(shape, content=bytes(24)):
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + content


def archive(logits, claimed=None):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as members:
        members.writestr("logits.npy", logits)
        members.infolist()[0].file_size = claimed or len(logits)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "read", "damaged"),
    [
        ("run.json", read_json, b'{"status": '),
        ("study.json", read_json, b"[" * 100_000),
        ("summary.csv", read_table, b"," * 60_000 + b"\n1\n"),
        ("history.csv", read_table, b"a,b\n" + b"," * 60_000 + b"\n"),
        ("index.csv", read_csv, b"a,b\n\xff\n"),
        ("groups.csv", read_table, b"a,b\n1,2,3\n4,5,6,7\n"),
        ("images.npy", read_array, b"\x93NUMPY\x01\x00v\x00{"),
        ("predictions.npz", load_predictions, b"PK\x03\x04"),
        ("array.npz", load_predictions, array_file((2, 3))),
        ("large.npz", load_predictions, archive(array_file((10**9, 1000), b""))),
        ("bomb.npz", load_predictions, archive(array_file((2, 3)), 10**9)),
        ("text.npz", load_predictions, archive(b"hello")),
    ],
)
def test_an_empty_or_damaged_result_is_named_with_the_command_that_makes_it_again(
    tmp_path, name, read, damaged
):
    path = tmp_path / "results" / "v1 v2" / name
    path.parent.mkdir(parents=True)
    for content, words in ((b"", "is empty, as files are after a power cut"), (damaged, "damaged")):
        path.write_bytes(content)
        with pytest.raises(StudyError) as refused:
            read(path)
        assert words in str(refused.value)
        assert f"snakemake --force '{path}'" in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
@pytest.mark.parametrize("read", [read_csv, read_saved_table])
def test_text_in_another_encoding_is_named_with_how_to_save_it(tmp_path, encoding, read):
    (tmp_path / "mine.csv").write_bytes("file,label\na,Löwe\n".encode(encoding))
    with pytest.raises(StudyError, match=r"mine.csv is no text in UTF-8 \(inv.*; save it in UTF-8"):
        read(tmp_path / "mine.csv")


def test_a_device_is_written_to_and_not_replaced():
    with atomic_path("/dev/null") as path:
        assert path == Path("/dev/null")


def test_what_a_process_of_the_same_number_left_is_removed(tmp_path):
    """As in a container, where each command has the same one."""
    left = tmp_path / f".new.{os.getpid()}.partial"
    left.mkdir()
    with atomic_path(tmp_path / "new") as path:
        path.mkdir()
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_many_rows_take_no_more_memory_than_their_numbers(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("image_id\n" + "1\n" * 200_000)
    tracemalloc.start()
    assert len(read_image_ids(path)) == 200_000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "x.json", {"a": [float("nan"), 1.5], "b": float("inf")})
    assert read_json(tmp_path / "x.json") == {"a": [None, 1.5], "b": None}


def test_a_key_that_stands_twice_is_refused_though_yaml_takes_the_last(tmp_path):
    (tmp_path / "twice.yaml").write_text(
        "dataset: {name: folder}\nseeds: [1]\ndataset: {skip_broken: true}\n"
    )
    with pytest.raises(
        StudyError, match=r"twice.yaml: .*'dataset' stands there twice, in lines 1 and 3"
    ):
        read_yaml(tmp_path / "twice.yaml")
    (tmp_path / "line.yaml").write_text("x: 1\ncnn2: {epochs: 5, epochs: 50}\n")
    with pytest.raises(StudyError, match="'epochs' stands there twice, in lines 2 and 2"):
        read_yaml(tmp_path / "line.yaml")


def test_what_is_merged_may_be_replaced_and_merged_again(tmp_path):
    (tmp_path / "merged.yaml").write_text(
        "a: &a {x: 1, y: 1}\nd:\n  b: &b\n    <<: *a\n    x: 2\nc:\n  <<: *b\n  y: 3\n"
    )
    read = read_yaml(tmp_path / "merged.yaml")
    assert read["d"] == {"b": {"x": 2, "y": 1}} and read["c"] == {"x": 2, "y": 3}


@pytest.mark.parametrize(
    ("written", "read"), [("0123456", 42798), ("1:30", 90), ("+07", 7), ("-010", -8)]
)
def test_a_number_that_yaml_reads_as_another_one_is_refused(tmp_path, written, read):
    (tmp_path / "id.yaml").write_text(f"x: 1\npartition_seed: {written}\n")
    said = rf"id.yaml: .*{re.escape(written)} in line 2 is read as the number {read}; write it in"
    with pytest.raises(StudyError, match=said):
        read_yaml(tmp_path / "id.yaml")


def test_numbers_and_quoted_numbers_stay_what_they_are(tmp_path):
    (tmp_path / "x.yaml").write_text("[0, -1, 1_000, 0x1F, '007', 1.50]")
    assert read_yaml(tmp_path / "x.yaml") == [0, -1, 1000, 31, "007", 1.5]


def bomb(link):
    """Return lists of lists, or mappings that merge others: nine times as much with each line."""
    names = "abcdefghijkl"
    lines = [f"{b}: &{b} {link.format(', '.join([f'*{a}'] * 9))}" for a, b in pairwise(names)]
    return "\n".join(["a: &a {x: 1}", *lines])


@pytest.mark.parametrize(
    "text",
    [
        *("a: [1,\nb: {", "? [a, b]\n: c", "a: 2025-02-30", "a: !!float x", "a: !!int x"),
        *("a: !!bool x", "a: !!timestamp x", "a: !!int ''", "&a [*a]", "[" * 20_000),
        *(bomb("[{}]"), bomb("{{<<: [{}]}}"), "a: !!python/object/apply:os.getcwd []"),
    ],
)
def test_a_file_that_is_not_yaml_is_named(tmp_path, text):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=r"broken.yaml: not valid YAML"):
        read_yaml(path)


# What pandas takes for missing, for numbers or for truth unless it is told that it is a name.
NAMES = ["NA", "null", "nan", "None", "N/A", "0", "1", "007", "1e3", "True", "inf", "-1", "v1"]
BROKEN = ["a\rb.png", "a\nb.png", "a\r\nb.png", 'a"b,c.png', "\r", " a ", "\ufeffa"]


def test_there_is_one_reader_of_tables():
    scripts = Path(files.__file__).parents[1]
    calls = {path.name for path in scripts.rglob("*.py") if "pd.read_csv(" in path.read_text()}
    assert calls == {"files.py"}


@pytest.mark.parametrize("column", ["combo", "chain", "torch", "metric", "score", "reason"])
@pytest.mark.parametrize("names", [NAMES, BROKEN], ids=["like values", "with line breaks"])
def test_names_come_back_from_tables_as_they_were_written(tmp_path, names, column):
    table = pd.DataFrame({column: names, "seed": range(len(names)), "share": 0.5})
    table.loc[0, "share"] = float("nan")
    write_table(tmp_path / "pandas.csv", table, "%.6f")
    write_csv(tmp_path / "csv.csv", list(table), table.fillna("").to_numpy())
    for path in (tmp_path / "pandas.csv", tmp_path / "csv.csv"):
        assert [row[column] for row in read_csv(path)] == names
        read = read_table(path)
        assert read[column].tolist() == names
        assert read["seed"].tolist() == list(range(len(names)))
        assert read["share"].isna().tolist() == [True] + [False] * (len(names) - 1)


@pytest.mark.parametrize("read", [read_csv, read_saved_table])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label,label\na,b,c\n", "line 1: the column 'label' is there twice; expected each"),
        ("file,label\na,b,c\nd,e,f\n", "line 2: has more cells than the header has names, 2;"),
        ("file;label\na;b\nc;d;\ne;f;g\n", "line 4: has more cells than the header"),
    ],
)
def test_a_column_that_is_there_twice_and_a_cell_without_one_are_refused(
    tmp_path, read, text, message
):
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(StudyError, match=rf"^{tmp_path}/odd.csv, {message}"):
        read(tmp_path / "odd.csv")


@pytest.mark.parametrize("read", [read_csv, read_saved_table])
def test_empty_cells_beyond_the_header_say_nothing(tmp_path, read):
    (tmp_path / "odd.csv").write_text("file,label\na,b,\nc,d,\n")
    rows = pd.DataFrame(read(tmp_path / "odd.csv"))
    assert rows["label"].tolist() == ["b", "d"] and list(rows) == ["file", "label"]


def test_plain_tables_have_the_bytes_that_they_had(tmp_path):
    write_csv(tmp_path / "x.csv", ["a", "b"], [(1, "x"), ("y z", 'q"')])
    assert (tmp_path / "x.csv").read_bytes() == b'a,b\n1,x\ny z,"q"""\n'
    write_table(tmp_path / "y.csv", pd.DataFrame({"a": [1, 2], "b": ["x", "é, "]}))
    assert (tmp_path / "y.csv").read_bytes() == 'a,b\n1,x\n2,"é, "\n'.encode()


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "＝1", "-cmd|' /C calc'!A0"])
def test_no_cell_for_people_is_a_formula(text):
    assert text_cell(text) == "'" + text
    assert file_cell(text) == "./" + text


@pytest.mark.parametrize("text", ["-1", "+1", "-0.5", "s1234567", "", "a=b", "v1+v2"])
def test_cells_that_compute_nothing_stay_as_they_are(text):
    assert text_cell(text) == file_cell(text) == text


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\x1b[2J", "a\x07", "\u202egnp"])
def test_no_cell_for_people_has_a_control_character(text):
    assert text_cell(text).isprintable() and file_cell(text).isprintable()


def test_a_folder_in_place_of_a_yaml_file_is_named(tmp_path):
    with pytest.raises(StudyError, match="expected a YAML file"):
        read_yaml(tmp_path)
