"""All images as one table for other tools."""

import numpy as np
import pandas as pd
import pytest
from cli_study import N, printed, study, write_project
from conftest import assert_one_clear_line
from PIL import Image

from study.cli import export_table
from study.cli.main import main
from study.files import write_csv, write_json


@pytest.fixture
def project(tmp_path):
    folder = write_project(tmp_path / "project")
    results = folder / "results"
    rows = [(i, f"{i}.png", ["cat", "dog"][i % 2], i / N) for i in reversed(range(N))]
    write_csv(results / "hard_examples.csv", ["image_id", "file", "class", "hardness"], rows)
    write_json(results / "study.json", {"config": {"dataset": {"name": "folder", "path": "mine"}}})
    (results / "runs/v1/cnn3/seed2/model.safetensors").touch()
    (folder / "mine").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "mine" / "3.png")
    return folder


def test_the_table_has_files_labels_scores_and_what_a_run_says(project):
    said = printed("export", "v1/cnn3/2", "--format", "csv", folder=project)
    assert "40 images, with the predictions of v1/cnn3/2; 1 with the path of their file" in said
    path = project / "exports" / "images.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbfimage_id,")
    table = pd.read_csv(path, keep_default_na=False, encoding="utf-8-sig").set_index("image_id")
    assert table.index.tolist() == list(range(N)) and table["label"].tolist() == ["cat", "dog"] * 20
    assert table["filepath"][3] == str((project / "mine/3.png").resolve())
    assert (table["filepath"] != "").sum() == 1 and table["hardness"][20] == 0.5
    right = table["predicted"] == table["label"]
    assert right[20:].sum() == 14 and set(table["role"][20:]) == {"test"}
    assert table["may_judge"].tolist() == [False] * 20 + [True] * 20
    again = study("export", "--format", "csv", folder=project)
    assert_one_clear_line(again.stdout + again.stderr, "exports/images.csv is there already")


def cut_scores(results):
    path = results / "hard_examples.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))


def rename_a_column(results):
    path = results / "hard_examples.csv"
    path.write_text(path.read_text().replace("class", "klass", 1))


def cut_images(results):
    lines = (results / "data/index.csv").read_text().splitlines(keepends=True)
    (results / "data/index.csv").write_text("".join(lines[:-3]))


def lose_corrections(results):
    asked = {"name": "folder", "path": "mine", "corrections": "verdicts.csv"}
    write_json(results / "study.json", {"config": {"dataset": asked}})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_scores, "expected a row for each of the 40 images"),
        (rename_a_column, "has no column 'class'"),
        (cut_images, "expected a row for each of the 37 images"),
        (lose_corrections, "corrected.csv is missing"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_one_line(project, damage, words):
    damage(project / "results")
    refused = study("export", "v1/cnn3/2", "--format", "csv", folder=project)
    assert refused.returncode != 0 and not (project / "exports").exists()
    assert_one_clear_line(refused.stdout + refused.stderr, words)


def test_the_table_is_a_parquet_file_where_pyarrow_is_installed(project, monkeypatch, capsys):
    asked = ["export", "v1/cnn3/2", "--format", "parquet"]
    monkeypatch.chdir(project)
    monkeypatch.setattr(export_table.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(asked)
    assert_one_clear_line(capsys.readouterr().err, "pip install pyarrow", "--format csv")
    assert not (project / "exports").exists()
    written = []
    monkeypatch.setattr(export_table.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda table, path, index: (
        written.append((table, index)), path.touch()))  # fmt: skip
    main(asked)
    ((table, index),) = written
    assert len(table) == N and not index and "predicted" in table
    assert (project / "exports/images.parquet").is_file()


def test_the_parquet_file_has_the_types_of_the_table(project):
    pytest.importorskip("pyarrow")
    printed("export", "v1/cnn3/2", "--format", "parquet", folder=project)
    table = pd.read_parquet(project / "exports/images.parquet")
    assert table["image_id"].tolist() == list(range(N)) and table["may_judge"].dtype == bool
    assert table["label"].tolist() == ["cat", "dog"] * 20 and table["hardness"][20] == 0.5


def test_a_model_needs_the_name_of_its_run(project):
    result = study("export", "--format", "onnx", folder=project)
    assert_one_clear_line(result.stdout + result.stderr, "name the run, such as v1/cnn2/42")


def test_a_folder_of_a_user_that_is_not_here_has_no_files(project):
    config = {"dataset": {"name": "folder", "path": "~no_such_user/mine"}}
    write_json(project / "results/study.json", {"config": config})
    said = printed("export", "v1/cnn3/2", "--format", "csv", folder=project)
    assert "; 0 with the path of their file" in said
