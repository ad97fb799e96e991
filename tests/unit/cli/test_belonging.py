"""`show` and `watch` notice runs of another configuration than the one that is asked about."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from cli_study import study, write_run
from conftest import ROOT

from study.config.recipes import merged


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with the runs of other.yaml, cnn2 on digits; one of them is not trained yet."""
    folder = tmp_path_factory.mktemp("belonging") / "project"
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, folder / name)
    other = {"dataset": {"name": "digits"}, "models": ["cnn2"], "combos": ["v1"], "seeds": [1, 2]}
    other |= {"partitions": [{"name": "v1", "size": 900}], "overrides": {"cnn2": {"epochs": 3}}}
    (folder / "other.yaml").write_text(yaml.safe_dump(other))
    recipe = yaml.safe_load((ROOT / "config/models/cnn2.yaml").read_text()) | {"epochs": 3}
    del recipe["description"]
    results = folder / "results"
    write_run(results, "v1", "cnn2", 1, 9, recipe=recipe)
    (results / "runs.csv").write_text("combo,model,seed\nv1,cnn2,1\nv1,cnn2,2\n")
    (results / "data").mkdir()
    (results / "data/manifest.json").write_text(
        json.dumps({"dataset": "digits", "images": [40, 8, 8, 3]})
    )
    return folder


def note(*words: str, folder: Path) -> str:
    result = study(*words, folder=folder)
    assert result.returncode == 0, result.stderr
    assert "note:" not in result.stdout
    return result.stderr


@pytest.mark.parametrize("command", [("show", "--csv"), ("watch", "--once")])
def test_runs_of_another_data_set_are_not_taken_for_the_studys(made, command):
    assert "note:" not in note(*command, "--configfile", "other.yaml", folder=made)
    said = note(*command, folder=made)
    assert (
        said == "note: 2 of 2 runs in results/ are of another configuration; "
        "give the --configfile that they are made with\n"
    )


def test_a_finished_study_of_other_splits_or_pixels_is_told(made):
    record, asked = made / "results/study.json", made / "asked.yaml"
    other = yaml.safe_load((made / "other.yaml").read_text())
    try:
        files = {"dataset": {"checksums": "a.md5", "corrections": ""}}
        moved = {"name": "digits", "archive": "moved.tar", "checksums": "b.md5"}
        for recorded, change, key in (
            ({}, {}, ""),
            (files, {"dataset": moved}, ""),
            (files, {}, "another dataset than"),
            ({"dataset": {"corrections": "a.csv"}}, {}, "another dataset than"),
            ({}, {"split": {"train": 0.5, "val": 0.25, "test": 0.25}}, "another split than"),
            (
                {},
                {"partition_seed": 7, "official": {"val": 0.3}},
                "partition_seed and official than",
            ),
        ):
            whole = merged(yaml.safe_load((made / "config/config.yaml").read_text()), other)
            record.write_text(json.dumps({"config": merged(whole, recorded)}))
            asked.write_text(yaml.safe_dump(other | change))
            said = note("show", "--configfile", "asked.yaml", folder=made)
            assert (key in said) if key else ("were made with" not in said), said
    finally:
        record.unlink()


def test_a_finished_study_says_which_configfile_it_was_made_with(made):
    record = made / "results/study.json"
    try:
        record.write_text(json.dumps({"configfiles": ["other.yaml", "more.yaml"]}))
        assert "made with --configfile other.yaml more.yaml: give that" in note("show", folder=made)
        record.write_text(json.dumps({"configfiles": []}))
        (made / "changed.yaml").write_text(
            "dataset: {name: digits}\npartitions: [{name: v1, size: 9}]\ncombos: [v1]\n"
        )
        assert "made without --configfile" in note(
            "show", "--configfile", "changed.yaml", folder=made
        )
    finally:
        record.unlink()


def test_another_recipe_is_another_configuration_and_runs_beside_the_studys_are_counted(made):
    (made / "longer.yaml").write_text("overrides: {cnn2: {epochs: 9}}\n")
    said = note("show", "--configfile", "other.yaml", "longer.yaml", folder=made)
    assert "1 of 2 runs in results/ is of another configuration" in said
    (made / "fewer.yaml").write_text("seeds: [1]\n")
    said = note("show", "--configfile", "other.yaml", "fewer.yaml", folder=made)
    assert (
        said == "note: 1 more run in results/ of another configuration; "
        "`study clean` with this one lists them\n"
    )


def test_what_jobs_put_into_a_recipe_makes_it_no_other_configuration(made, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("results"))
    recipe = yaml.safe_load((ROOT / "config/models/finetuned.yaml").read_text())
    del recipe["description"]
    del recipe["architecture"]["weights"]
    taken = {"trained_weights": {"file": "x", "sha256": "0"}}
    numbers = {"normalize": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    probe = {"architecture": {"name": "probe", "features": "finetuned"}}
    write_run(folder / "results", "v1", "finetuned", 1, 9, recipe=recipe | numbers | taken)
    write_run(folder / "results", "v1", "probe", 1, 9, recipe=probe | taken)
    (folder / "other.yaml").write_text("models: [finetuned, probe]\ncombos: [v1]\nseeds: [1]\n")
    assert "note:" not in note("show", "--configfile", "other.yaml", folder=folder)
    (folder / "other.yaml").write_text(
        "models: [finetuned, neighbours]\ncombos: [v1]\nseeds: [1]\n"
        "overrides: {finetuned: {input_size: 96}}\n"
    )
    said = note("show", "--configfile", "other.yaml", folder=folder)
    assert "2 of 2 runs in results/ are of another configuration" in said
