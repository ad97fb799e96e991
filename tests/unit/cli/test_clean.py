"""What `study clean` takes for the files of runs that were taken out."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from study.cli import clean
from study.cli.project import Output


def made(combo: str, model: str = "cnn2", seed: str = "seed1") -> list[str]:
    run = f"{combo}/{model}/{seed}"
    return [
        f"results/runs/{run}/run.json",
        f"results/logs/train/{run}.log",
        f"results/scratch/train/{run}.pt",
        f"results/certify/{run}/run.json",
    ]


@pytest.mark.parametrize("gone", ["train", "scratch", "logs", "runs", "results", "run", "v2"])
def test_a_run_that_was_taken_out_is_known_by_its_places(tmp_path, monkeypatch, gone):
    monkeypatch.chdir(tmp_path)
    kept = [*made("v1"), "results/logs/decode.log", "results/scratch/images.json"]
    for path in map(Path, [*kept, *made(gone)]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    # What is interrupted or was asked for by name is of no output that the study takes.
    needed = [
        Output(path, "train", to_do=False)
        for path in ("report.html", "results/runs/v1/cnn2/seed1/run.json")
    ]
    monkeypatch.setattr(clean, "outputs", lambda project, targets: needed)
    config = {"combos": ["v1"], "models": ["cnn2"], "seeds": [1]}
    project = SimpleNamespace(results=Path("results"), config=config)
    outdated, unknown = clean._of_runs_taken_out(project, [])
    listed = {file for path in outdated for file in clean._files(path)}
    assert listed == set(map(Path, made(gone))) and not unknown
