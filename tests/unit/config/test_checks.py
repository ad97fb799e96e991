"""What is wrong with a configuration is said in one line that shows what to write instead."""

import re
from copy import deepcopy
from datetime import date

import pytest
import yaml
from conftest import ROOT

from study.config.checks import check_config
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


def test_the_full_study_is_what_it_should_be():
    assert CONFIG["combos"] == ["v1", "v2", "v3", "v1+v2", "v1+v2+v3"]
    assert CONFIG["seeds"] == [42, 100, 2025]
    assert [partition["size"] for partition in CONFIG["partitions"]] == [20_000] * 3
    assert CONFIG["split"] == {"train": 0.7, "val": 0.15, "test": 0.15}


CLIP = {"name": "clip", "predictions": "a.csv", "saw": "nothing"}
WRONG = [
    (changed(sedes=[1]), ["unknown key 'sedes'", "did you mean 'seeds'?"]),
    (changed(epochs=3), ["'epochs' is a key of a recipe", "write overrides: {cnn2: {epochs: 3}}"]),
    (changed(optimizer=1, models=7), ["'optimizer' is a key of a recipe", "overrides: {cnn2: "]),
    (changed(dataset=CONFIG["dataset"] | {"nmae": "x"}),
     ["unknown key 'nmae' in dataset", "'name'"]),
    (changed(seeds=["42", "43"]),
     ['seeds[0] is "42"', "a whole number", "seeds[0]: 42, without", "--configfile"]),
    (changed(seeds=42), ["seeds is 42", "expected a list"]),
    (changed(seeds=[1.5]), ["seeds[0] is 1.5", "a whole number"]),
    (changed(seeds=[True]), ["seeds[0] is true", "a whole number"]),
    (changed(seeds=[-1]), ["seeds[0]", "-1"]),
    (changed(seeds=[]), ["seeds"]),
    (changed(device="gpu"), ['device is "gpu"', "auto, cuda, cpu"]),
    (changed(dataset=CONFIG["dataset"] | {"name": "imagenet"}),
     ['dataset.name is "imagenet"', "cifar10, cifar100, digits, fashion_mnist, folder, csv"]),
    (changed(models=["../evil"]), ["models[0]", "letters, digits"]),
    (changed(combos=["v1 v2"]), ["combos[0]", "joined by `+`"]),
    ({k: v for k, v in CONFIG.items() if k != "combos"}, ["no 'combos'"]),
    (changed(split=CONFIG["split"] | {"folds": 5}),
     ["split.folds is 5 and there are 3 seeds", "expected 5, 10"]),
    (changed(split=CONFIG["split"] | {"folds": 1}), ["split.folds is 1", "2 or more"]),
    (changed(seeds=[42, 100, 42]), ["42 more than once", "write seeds: [42, 100]"]),
    (changed(models=["cnn2", "cnn2"]), ["'cnn2' more than once", "write models: [cnn2]"]),
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
    own = CONFIG["dataset"] | {"name": "folder", "path": "my_images"}
    votes = [{"kind": kind, "path": "verdicts.csv"}]
    sizes = [{"name": "v1", "size": 0.5}]
    check_config(
        changed(dataset=own, partitions=sizes, combos=["v1"], human_votes=votes), CONFIG_SCHEMA
    )
