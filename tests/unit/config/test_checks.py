"""What is wrong with a configuration is said in one line that shows what to write instead."""

import re
from copy import deepcopy
from datetime import date

import pytest
import yaml
from conftest import ROOT

from study.config.checks import check_config
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

CONFIG_SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")
CONFIG = read_yaml(ROOT / "config/config.yaml")


def changed(**changes):
    """Return the full study with top-level keys replaced."""
    return deepcopy(CONFIG) | changes


def complaint(config) -> str:
    """Return the one line that refuses a configuration."""
    with pytest.raises(StudyError) as refused:
        check_config(config, CONFIG_SCHEMA, {"epochs", "optimizer"})
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_with_folds_the_shares_of_training_and_validation_are_a_ratio():
    folded = changed(split={"train": 0.7, "val": 0.2, "test": 0.15, "folds": 3})
    check_config(folded, CONFIG_SCHEMA, {"epochs", "optimizer"})


def with_dataset(**changes):
    return changed(dataset=CONFIG["dataset"] | changes)


def with_sizes(*sizes):
    sized = [{"name": f"v{i}", "size": size} for i, size in enumerate(sizes, 1)]
    return changed(partitions=sized, combos=["v1"])


def with_votes(*kinds, **dataset):
    votes = [{"kind": kind, "path": f"{i}.csv"} for i, kind in enumerate(kinds)]
    return with_dataset(**dataset) | {"human_votes": votes}


CLIP = {"name": "clip", "predictions": "a.csv", "saw": "nothing"}
WRONG = [
    (changed(sedes=[1]), ["unknown key 'sedes'", "did you mean 'seeds'?"]),
    (changed(epochs=3), ["'epochs' is a key of a recipe", "write overrides: {cnn2: {epochs: 3}}"]),
    (changed(optimizer=1, models=7), ["'optimizer' is a key of a recipe", "overrides: {cnn2: "]),
    (with_dataset(nmae="x"),
     ["unknown key 'nmae' in dataset", "'name'"]),
    (changed(seeds=["42", "43"]),
     ['seeds[0] is "42"', "a whole number", "seeds[0]: 42, without", "--configfile"]),
    (changed(seeds=42), ["seeds is 42", "expected a list"]),
    (changed(seeds=[1.5]), ["seeds[0] is 1.5", "a whole number"]),
    (changed(seeds=[True]), ["seeds[0] is true", "a whole number"]),
    (changed(seeds=[-1]), ["seeds[0]", "-1"]),
    (changed(seeds=[]), ["seeds"]),
    (changed(device="gpu"), ['device is "gpu"', "auto, cuda, cpu"]),
    (with_dataset(name="imagenet"),
     ['dataset.name is "imagenet"', "cifar10, cifar100, digits, fashion_mnist, folder, csv"]),
    (changed(models=["../evil"]), ["models[0]", "letters, digits"]),
    (changed(combos=["v1 v2"]), ["combos[0]", "joined by `+`"]),
    ({k: v for k, v in CONFIG.items() if k != "combos"}, ["no 'combos'"]),
    (changed(split=CONFIG["split"] | {"folds": 5}),
     ["split.folds is 5 and there are 3 seeds", "expected 5, 10"]),
    (changed(split=CONFIG["split"] | {"folds": 1}), ["split.folds is 1", "2 or more"]),
    (changed(seeds=[42, 100, 42]), ["42 more than once", "write seeds: [42, 100]"]),
    (changed(models=["cnn2", "cnn2"]), ["'cnn2' more than once", "write models: [cnn2]"]),
    (changed(models=["cnn2", "cnn2", CLIP]), ["'cnn2' more than once", "name it once"]),
    (changed(models=["cnn2", CLIP, CLIP | {"predictions": "b.csv"}]),
     ["'clip' more than once", "give each file of predictions a name of its own"]),
    (changed(combos=["v1", "v1+v4"]),
     ["combos[1] is 'v1+v4'", "no partition 'v4'", "combos: [v1]"]),
    (changed(combos=["v9", "v2"]), ["no partition 'v9'", "combos: [v1, v2]"]),
    (changed(combos=["v1+v2", "v2+v1"]), ["'v2+v1' repeats v1+v2", "combos: [v1+v2]"]),
    (changed(combos=["v1+v1"]), ["'v1+v1' repeats", "combos: [v1]"]),
    (
        changed(partitions=[{"name": "v1", "size": 50_000}, {"name": "v2", "size": 30_000}]),
        ["80000 images but cifar10 has 60000",
         "{name: v1, size: 37500}, {name: v2, size: 22500}"],
    ),
    (changed(partitions=[{"name": "v1", "size": 5}, {"name": "v1", "size": 6}]),
     ["two partitions are called 'v1'"]),
    (changed(partitions=[{"name": "v1", "size": 0}]), ["partitions[0].size"]),
    (
        changed(combos=["v1", "v1+official"]),
        ["combos[1] is 'v1+official'", "joins no partition", "combos: [v1, official]"],
    ),
    (
        changed(combos=["official", "v1"], dataset=CONFIG["dataset"] | {"name": "digits"},
                partitions=[{"name": "v1", "size": 5}]),
        ["combos[0] is 'official'", "publisher of digits did not split it", "combos: [v1]"],
    ),
    (changed(partitions=[{"name": "official", "size": 5}], combos=["official"]),
     ["another name"]),
    (changed(partitions=[{"name": "common", "size": 5}], combos=["common"]),
     ["'common'", "the common test", "another name"]),
    (changed(official={"val": 1}), ["official.val"]),
    (changed(tune={"resnet9": {"method": "grid", "keys": {"epochs": [1]}}}),
     ["tune names 'resnet9'", "add it to 'models'"]),
    (changed(tune={"cnn2": {"method": "grid", "keys": {}}}), ["tune.cnn2.keys"]),
    (changed(tune={"cnn2": {"method": "grid", "keys": {"epochs": []}}}),
     ["tune.cnn2.keys.epochs"]),
    (changed(tune={"cnn2": {"method": "grid", "keys": {"epochs": [1]}, "trials": 3}}),
     ["'trials'", "does not go with"]),
    (changed(tune={"cnn2": {"method": "tpe", "keys": {"epochs": [1]}}}), ["no 'trials'"]),
    (changed(tune={"cnn2": {"method": "random", "keys": {"epochs": [1]}}}),
     ["tune.cnn2.method is", "grid, tpe"]),
    (changed(seeds=[42.0]), ["seeds[0] is 42.0", "a whole number"]),
    (changed(official={"val": float("nan")}), ["official.val is NaN", "a number"]),
    (changed(lr_find=CONFIG["lr_find"] | {"end": float("inf")}),
     ["lr_find.end is Infinity", "a number"]),
    (changed(lr_find=CONFIG["lr_find"] | {"start": "1e-7"}), ["write lr_find.start: 1.0e-07"]),
    (changed(reproduce={"systems": ["S0", "S0"], "tuned": False}), ["repeats"]),
    (
        changed(lr_find=CONFIG["lr_find"] | {"start": 10, "end": 1e-7}),
        ["lr_find.start is 10", "expected start < end", "{start: 1.0e-07, end: 10}"],
    ),
    (changed(lr_find=CONFIG["lr_find"] | {"models": ["resnet9"]}),
     ["names 'resnet9'", "add it to 'models'"]),
    (changed(lr_find=CONFIG["lr_find"] | {"steps": 5}), ["lr_find.steps", "5"]),
    (
        changed(split={"train": 0.7, "val": 0.2, "test": 0.2}),
        ["sum to 1.1, expected 1", "split: {train: 0.6364, val: 0.1818, test: 0.1818}"],
    ),
    (with_dataset(name="folder"), ["dataset.path is empty; write where your images are"]),
    (with_dataset(path="x"),
     ["dataset.name is 'cifar10'; for images of your own write name: folder"]),
    (with_dataset(name="folder", path=__file__),
     ["is a file, expected a folder; for a table write name: csv"]),
    (with_dataset(name="csv", path="/"),
     ["is a folder, expected a CSV file; write name: folder"]),
    (with_dataset(name="folder", path="x") | {"combos": ["official"]},
     ["dataset.test_path is empty"]),
    (with_dataset(group="(x)"), ["dataset.group is '(x)'", "images of your own"]),
    (with_dataset(fit="stretch"), ["expected one of resize, crop"]),
    (with_dataset(image_size=0), ["dataset.image_size"]),
    (with_sizes(0.5, 0.6),
     ["ask for 1.1 of the images, expected at most 1",
      "write for example partitions: [{name: v1, size: 0.4545}"]),
    (with_sizes(0.5, 600), ["numbers of images and shares mixed"]),
    (with_sizes(600.0),
     ["partitions[0].size is 600.0, expected a number of images such as 600 or a share"]),
    (with_sizes(0.0), ["partitions[0].size"]),
    (with_votes("cifar10m"), ['human_votes[0].kind is "cifar10m"', "cifar10h, cifar10n"]),
    (changed(human_votes=[{"kind": "csv"}]), ["human_votes[0] has no 'path'"]),
    (changed(human_votes=[{"kind": "csv", "path": ""}]), ["human_votes[0].path"]),
    (with_votes("csv", "csv"), ["'csv' more than once"]),
    (with_votes("csv", "cifar10n", name="fashion_mnist"), ["human_votes[1]", "'fashion_mnist'"]),
    *((changed(near_duplicates={"threshold": value}), ["near_duplicates.threshold"])
      for value in (-0.1, 1.5, "0.3", None)),
    (changed(certify=["v1/cnn2/43"]),
     ["certify names 'v1/cnn2/43'", "43 is not among the study's seeds (42, 100, 2025)",
      "v1/cnn2/42"]),
    *(
        (changed(**{key: value}), [f"expected {kind}; write it in quotes"])
        for key, kind, value in (
            ("combos", "text", [1]),
            ("combos", "text", [False]),
            ("models", "text or a mapping", [None]),
            ("combos", "text", [date(2026, 1, 15)]),
            ("partition_seed", "a whole number or text", date(2026, 1, 15)),
            ("partition_seed", "a whole number or text", 1.5),
            ("claims", "text", True),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("config", "fragments"), WRONG)
def test_a_wrong_configuration_is_refused_with_what_to_write(config, fragments):
    message = complaint(config)
    for fragment in fragments:
        assert fragment in message, message


def test_a_suggested_correction_is_itself_accepted():
    for config in (
        changed(combos=["v1", "v1+v4", "v3+v1"]),
        changed(partitions=[{"name": "v1", "size": 70_000}], combos=["v1"]),
        changed(split={"train": 8, "val": 1, "test": 1})
        | {"split": {"train": 1.0, "val": 0.5, "test": 0.5}},
        changed(seeds=[1, 1]),
        changed(combos=["v1", "official+v1", "v2"]),
    ):
        suggestion = re.search(r"write (?:for example )?(.+)$", complaint(config))[1]
        check_config(config | yaml.safe_load(suggestion), CONFIG_SCHEMA)


def test_the_official_combo_stands_beside_partition_combos():
    check_config(changed(combos=["v1", "official", "v1+v2"]), CONFIG_SCHEMA)


def test_the_size_of_a_data_set_of_ones_own_is_not_presumed():
    own = CONFIG["dataset"] | {"checksums": "my.md5"}
    check_config(
        changed(dataset=own, partitions=[{"name": "v1", "size": 70_000}], combos=["v1"]),
        CONFIG_SCHEMA,
    )


def search_complaint(search: object) -> str:
    return complaint(changed(tune={"cnn2": search}))


@pytest.mark.parametrize(
    ("keys", "written"),
    [
        ({"optimizer": {"lr": [0.1, 0.01]}}, "optimizer.lr: [0.1, 0.01]"),
        (
            {"optimizer": {"lr": {"low": 0.01, "high": 0.1}, "name": ["sgd"]}},
            "optimizer.lr: {low: 0.01, high: 0.1}",
        ),
        (
            {"batch_size": [8], "architecture": {"filters": [16, 32]}},
            "architecture.filters: [16, 32]",
        ),
    ],
)
def test_nested_keys_are_shown_with_their_dots(keys, written):
    said = search_complaint({"method": "tpe", "trials": 2, "keys": keys})
    assert said.endswith(f"write keys of the recipe with dots: {written}") and "\n" not in said


@pytest.mark.parametrize(
    ("search", "fragment"),
    [
        (
            {"method": "tpe", "trials": 2, "keys": {"optimizer.lr": {"low": 0.1, "hi": 1}}},
            "did you mean 'high'?",
        ),
        ({"method": "grid", "keys": ["optimizer.lr"]}, "expected a mapping"),
        ("grid", "expected a mapping"),
    ],
)
def test_other_mistakes_in_a_search_are_told_by_the_schema(search, fragment):
    assert fragment in search_complaint(search)


@pytest.mark.parametrize("kind", ["csv", "verdicts"])
def test_votes_and_verdicts_may_be_about_images_of_ones_own(kind):
    own = with_votes(kind, name="folder", path="my_images")
    study = {"partitions": [{"name": "v1", "size": 0.5}], "combos": ["v1"]}
    check_config(own | study, CONFIG_SCHEMA)


def test_shares_and_own_test_images_are_accepted():
    check_config(with_sizes(0.3, 0.3, 0.4), CONFIG_SCHEMA)
    own = with_dataset(name="folder", path="x", test_path="y")
    check_config(own | {"combos": ["official", "v1"]}, CONFIG_SCHEMA)


@pytest.mark.parametrize(
    ("dataset", "fragment"),
    [
        ({"name": "folder", "path": "x", "image_size": 24},
        "at least 32×32 pixels.*have 24×24; write dataset.image_size: 32 or more"),
        ({"name": "fashion_mnist"}, "at least 32×32 pixels.*have 28×28; take resnet9_tuned out"),
    ],
)  # fmt: skip
def test_a_model_that_needs_larger_images_is_named_with_the_size(dataset, fragment, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = with_dataset(**dataset) | {"models": ["cnn2", "resnet9_tuned"]}
    with pytest.raises(StudyError, match=fragment):
        check_study(config, ROOT)
