"""Files from the future."""

import os

from cli_study import write_run

from study.audit.clock import date_back, date_by_recipe
from study.config.recipes import recipe_text
from study.files import read_yaml, write_text
from study.runs.tree import ResultsTree


def test_files_from_the_future_become_older_than_everything_and_others_stay(tmp_path):
    now = 1.8e9
    for name, when in (
        ("late", now + 3600),
        ("early", now - 3600),
        ("skewed", now + 5),
        ("d/late", now + 1e8),
    ):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (when, when))
    os.utime(tmp_path / "results" / "d", (now + 9e7, now + 9e7))
    cached = tmp_path / "cached"
    cached.write_text("from the cache")
    os.utime(cached, (now + 3600, now + 3600))
    link = tmp_path / "results" / "link"
    link.symlink_to(cached)
    os.utime(link, (now - 3600, now - 3600), follow_symlinks=False)
    assert date_back(tmp_path / "results", now) == 4  # two files, a folder and what the link names
    times = {path.name: path.stat().st_mtime - now for path in (tmp_path / "results").rglob("*")}
    assert times["early"] == -3600 and times["skewed"] == 5
    assert times["late"] == times["d"] == times["link"] < -1e8
    assert date_back(tmp_path / "results", now) == 0
    assert date_back(tmp_path / "none", now) == 0


def test_without_snakemakes_records_a_run_of_another_recipe_is_older_than_all(tmp_path):
    tree, recipe = ResultsTree(tmp_path / "results"), {"architecture": {}, "epochs": 1}
    write_run(tree.folder, "v1", "cnn2", 1, 9, recipe=recipe)
    run = tree.run("v1", "cnn2", 1)
    (run / "model.safetensors").touch()
    write_text(tree.recipe("cnn2"), recipe_text(recipe))

    def state():
        files = (run / "run.json", tree.recipe("cnn2"))
        return [path.stat().st_mtime for path in files], read_yaml(files[1])

    before = state()
    date_by_recipe(tree, {"cnn2": recipe})
    assert state() == before
    # Planned by another recipe, and then by its own again.
    other = recipe | {"epochs": 2}
    date_by_recipe(tree, {"cnn2": other})
    assert max(state()[0]) < before[0][0] - 1e8 and state()[1] == other
    date_by_recipe(tree, {"cnn2": recipe})
    assert (run / "run.json").stat().st_mtime == (run / "model.safetensors").stat().st_mtime
    assert state()[1] == recipe
