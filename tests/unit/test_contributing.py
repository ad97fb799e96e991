"""What CONTRIBUTING.md says of adding something is tried in a copy of the project's code."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, clean_environment, run_file, run_python, section

from study.data.index import read_index, write_image_ids
from study.files import write_csv, write_json
from study.runs.predictions import Predictions, save_predictions
from study.runs.summary import QUALITY


def with_metric(source: str) -> str:
    """Return metrics.py with the function and the line that the section shows."""
    (function,) = re.findall(r"```python\n(.*?)```", section("Add a metric column"), re.DOTALL)
    (line,) = re.findall(r'`("\w+": \w+,)`', section("Add a metric column"))
    place, table = "# What is measured", "_MEASURES: dict[str, Callable[[Answers], float]] = {\n"
    assert place in source and table in source
    return source.replace(place, f"{function}\n\n{place}").replace(table, f"{table}    {line}\n")


@pytest.fixture
def run_folder(tmp_path, decoded) -> Path:
    """The folder of a run of random answers, and what it is measured by."""
    folder = tmp_path / "results/runs/v1/cnn2/seed1"
    n = len(read_index(decoded / "index.csv").labels)
    logits = np.random.default_rng(0).normal(size=(n, 10)).astype(np.float32)
    folder.mkdir(parents=True)
    save_predictions(
        folder / "predictions.npz", Predictions(logits, np.resize(np.uint8([1, 2, 3]), n))
    )
    write_image_ids(tmp_path / "common.csv", np.arange(2, n, 3))
    write_csv(tmp_path / "none.csv", ["image_id", "other_id"], [])
    numbers = ("n_train", "n_val", "parameters", "epochs", "kept_epoch", "train_seconds")
    numbers += ("total_seconds", "images_per_s", "peak_memory_mb")
    record = dict.fromkeys(numbers, 1) | {"recipe": {"batch_size": 1}, "versions": {"torch": "2"}}
    record |= {"status": "ok", "device": "cpu", "precision": "fp32", "classes": []}
    write_json(folder / "run.json", record)
    return folder


def test_a_metric_is_a_function_and_a_line(scripts, run_folder, decoded, tmp_path):
    metrics = scripts / "study/runs/metrics.py"
    metrics.write_text(with_metric(metrics.read_text()))
    done = run_file(
        scripts / "measure.py", "--predictions", run_folder / "predictions.npz",
        "--index", decoded / "index.csv", "--common-test", tmp_path / "common.csv",
        "--duplicates", tmp_path / "none.csv", "--metrics", run_folder / "metrics.json",
        "--report", tmp_path / "r.txt", "--classification-report", tmp_path / "c.json",
        "--misclassified", tmp_path / "m.csv", environment=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = json.loads((run_folder / "metrics.json").read_text())
    assert 0 < measured["margin"] < 1 and measured["common_test"]["margin"] == measured["margin"]
    program = (
        "import sys; from study.runs.run import Run; from study.runs.summary import run_row; "
        "from pathlib import Path; print(run_row(Run('v1', 'cnn2', 1, "
        "Path(sys.argv[1])))['margin'])"
    )
    assert float(run_python(program, run_folder, scripts=scripts)) == measured["margin"]


def test_every_metric_column_is_described():
    text = (ROOT / "results/README.md").read_text()
    assert not [name for name in QUALITY if f"`{name}`" not in text]


@pytest.mark.parametrize("heading", ["Add a metric column", "Add a figure"])
def test_the_files_to_touch_are_there(heading):
    names = re.findall(r"`((?:scripts|workflow|tests|results)/[\w./]*)`", section(heading))
    assert len(names) >= 2 and not [name for name in names if not (ROOT / name).exists()]
