"""What is looked at before planning: one folder of results holds one study."""

import json
import subprocess
from pathlib import Path

import pytest

from study.audit import start
from study.errors import StudyError


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """A folder of results with digits, made with mine.yaml."""
    monkeypatch.chdir(tmp_path)
    for path in ("results/data", "results/scratch"):
        Path(path).mkdir(parents=True)
    Path("results/data/manifest.json").write_text('{"dataset": "digits"}')
    start.remember(config(), ["mine.yaml"])


def config(dataset: str = "digits", **changes) -> dict:
    return {"dataset": {"name": dataset, "path": ""}, "seeds": [2]} | changes


@pytest.mark.parametrize(
    ("dataset", "configfiles", "words"),
    [
        ("cifar10", [], "a study of digits, made with --configfile mine.yaml"),
        ("digits", [], "type `snakemake --configfile mine.yaml`"),
        ("digits", ["other.yaml"], "--config overwrite=true"),
        ("cifar10", ["mine.yaml"], "with this configuration before it changed"),
    ],
)
def test_results_of_another_study_are_not_replaced_unless_asked(dataset, configfiles, words):
    with pytest.raises(StudyError) as refused:
        start.look_at_results(config(dataset, seeds=[1]), configfiles, {}, overwrite=False)
    assert words in str(refused.value)
    start.look_at_results(config(dataset), configfiles, {}, overwrite=True)


def test_commands_that_run_nothing_are_none_that_replace_something():
    for word in ("--lint", "--list-rules", "--unlock"):
        assert start.runs_nothing(["snakemake", "--cores", "1", word])
    assert not start.runs_nothing(["snakemake", "--cores", "1", "verify"])


@pytest.mark.parametrize("configfiles", [["mine.yaml"], ["mine.yaml", "more_seeds.yaml"]])
def test_a_configuration_may_change(configfiles):
    start.require_same_study(config(seeds=[1, 2]), configfiles)


def test_the_same_configuration_may_have_another_name_and_a_finished_study_remembers_its_files():
    Path("results/scratch/started.json").unlink()
    record = {"configfiles": ["mine.yaml"], "config": config(device="auto")}
    Path("results/study.json").write_text(json.dumps(record))
    start.require_same_study(config(storage="s3://x", device="cpu"), ["moved.yaml"])
    with pytest.raises(StudyError, match=r"made with --configfile mine.yaml"):
        start.require_same_study(config(seeds=[7]), ["moved.yaml"])


def test_a_study_whose_files_were_moved_is_the_same():
    files = {"corrections": "a.csv", "checksums": "a.md5"}
    start.remember(config() | {"dataset": {"name": "digits", **files}}, ["mine.yaml"])
    moved = {key: f"moved/{path}" for key, path in files.items()}
    start.require_same_study(config() | {"dataset": {"name": "digits", **moved}}, ["moved.yaml"])
    with pytest.raises(StudyError, match=r"made with --configfile mine.yaml"):
        start.require_same_study(config(), ["moved.yaml"])


def test_without_results_or_with_a_damaged_record_nothing_stops():
    for damage in (lambda path: path.write_text(""), Path.unlink):
        damage(Path("results/scratch/started.json"))
        start.require_same_study(config(), ["other.yaml"])
    Path("results/data/manifest.json").unlink()
    start.require_same_study(config("cifar10"), [])


@pytest.mark.parametrize(("end", "said"), [("kill -9 $$", True), ("exit 3", False)])
def test_a_job_that_is_killed_has_a_line(end, said):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"bash -c '{end}' 2> /dev/null {start.say_if_killed()}"],
        capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == (137 if said else 3) and len(lines) == said
    assert not said or ("memory" in lines[0] and " MB; run fewer" in lines[0])


def test_no_more_cores_are_counted_on_than_there_are(monkeypatch):
    monkeypatch.setattr(start, "machine", lambda: {"cpus": 2})
    assert [start.own_cores(n) for n in (1, 2, 4, None)] == [1, 2, 2, None]
