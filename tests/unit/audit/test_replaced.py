"""What jobs are about to replace stays until there is something to replace it."""

import shutil
from pathlib import Path

import pytest

from study.audit import replaced

RAW, TABLE, LONG = "results/data/raw", "results/table.csv", f"results/{'long_name/' * 40}x.csv"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two jobs' outputs, one of them a folder, and Snakemake's records of them."""
    monkeypatch.chdir(tmp_path)
    for path in (f"{RAW}/images.bin", TABLE, LONG):
        written(path, "old")
    for output in (RAW, TABLE, LONG):
        written(replaced.record_of(output), "of old")
    replaced.keep([[RAW], [TABLE, LONG, "results/not_there.csv"]])


def written(path: str | Path, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def fails(*outputs: str) -> None:
    """Do to the outputs of a job that fails what Snakemake does."""
    for output in map(Path, outputs):
        shutil.rmtree(output) if output.is_dir() else output.unlink()
        replaced.record_of(output).write_text("of new")


def contents(*outputs: str) -> set[str]:
    return {Path(output).read_text() for output in outputs} | {
        replaced.record_of(output.removesuffix("/images.bin")).read_text() for output in outputs
    }


def test_a_job_that_fails_leaves_what_was_there_and_its_records(results):
    fails(RAW)
    fails(TABLE, LONG)
    written(TABLE, "half of a job that was killed")
    assert replaced.put_back() == 2
    assert contents(f"{RAW}/images.bin", TABLE, LONG) == {"old", "of old"}
    assert not replaced.KEPT.exists()


def test_what_a_job_has_replaced_is_not_put_back(results):
    for output in (TABLE, LONG):
        Path(output).unlink()
        written(output, "new")
        written(replaced.record_of(output), "of new")
    fails(RAW)
    assert replaced.put_back() == 1
    assert contents(TABLE, LONG) == {"new", "of new"}
    assert contents(f"{RAW}/images.bin") == {"old", "of old"}


def test_an_output_of_unknown_making_is_not_kept(results):
    replaced.record_of(RAW).unlink()
    replaced.keep([[RAW]])
    shutil.rmtree(RAW)
    assert replaced.put_back() == 0 and not Path(RAW).exists()
