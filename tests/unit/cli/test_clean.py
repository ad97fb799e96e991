"""What `study clean` takes for the files of runs that were taken out."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_study import write_project
from conftest import assert_one_clear_line, files_below

from study.audit.same_study import remember
from study.cli import clean
from study.cli.main import main
from study.cli.project import Output, find_project


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


@pytest.fixture
def smaller(tmp_path, monkeypatch):
    """A study whose seed 2 was taken out, though `reproduce` takes it; in a terminal."""
    monkeypatch.chdir(write_project(tmp_path / "project"))
    Path("fewer.yaml").write_text("seeds: [1, 3]\n")

    def outputs(project, targets):
        files = [path for path in Path("results").rglob("*") if path.is_file()]
        kept = [path for path in files if "reproduce" in targets or "seed2" not in path.parts]
        return [Output(str(path), "train", to_do=False) for path in kept]

    monkeypatch.setattr(clean, "outputs", outputs)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    return Path("results/runs/v1/cnn2/seed2")


@pytest.mark.parametrize(
    ("words", "said", "deleted"),
    [
        ([], None, False),
        (["--delete"], "n", False),
        (["--delete"], "", False),
        (["--delete"], "y", True),
        (["--yes"], None, True),
        (["--yes", "--keep", "reproduce"], None, False),
    ],
)
def test_in_a_terminal_it_asks_before_it_deletes(smaller, monkeypatch, words, said, deleted):
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or said)
    main(["clean", "--configfile", "study.yaml", "fewer.yaml", *words])
    assert smaller.exists() != deleted and len(asked) == (said is not None)
    assert all("[y/N]" in question for question in asked)
    assert smaller.with_name("seed1").exists()


def test_what_another_configuration_has_made_is_not_deleted_for_a_run_in_common(smaller, capsys):
    Path("results/data/manifest.json").write_text('{"dataset": "cifar10"}')
    whole = find_project(["study.yaml", "fewer.yaml"])
    remember(whole.config | {"seeds": [1, 2, 3]}, ["study.yaml"])
    before = files_below(Path())
    for words in (["--yes"], ["--delete"]):
        with pytest.raises(SystemExit):
            main(["clean", "--configfile", "fewer.yaml", *words])
        said = capsys.readouterr().err
        assert_one_clear_line(said, "nothing was deleted", "made with --configfile study.yaml")
        assert "type `study clean --configfile study.yaml`" in said and "overwrite=true" in said
    main(["clean", "--configfile", "fewer.yaml"])
    assert "note: results/ holds a study of cifar10" in capsys.readouterr().err
    assert files_below(Path()) == before
    main(["clean", "--yes", "--configfile", "study.yaml", "fewer.yaml"])
    assert not smaller.exists()


def test_where_all_is_of_another_configuration_it_deletes_nothing(smaller, capsys):
    Path("other.yaml").write_text("overrides: {cnn2: {epochs: 9}, cnn3: {epochs: 9}}\n")
    before = files_below(Path())
    with pytest.raises(SystemExit):
        main(["clean", "--yes", "--configfile", "study.yaml", "other.yaml"])
    assert_one_clear_line(capsys.readouterr().err, "nothing was deleted", "another configuration")
    assert files_below(Path()) == before
