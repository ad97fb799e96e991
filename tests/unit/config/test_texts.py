"""Texts become words of commands, files and log lines; what cannot is refused in one line."""

import re
from copy import deepcopy

import pytest
from conftest import ROOT

from study.config.addresses import check_address
from study.config.checks import check_config
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")
CONFIG = read_yaml(ROOT / "config/config.yaml")


def refused(check=check_config, second=SCHEMA, **changes) -> str:
    config = deepcopy(CONFIG) | changes
    with pytest.raises(StudyError) as error:
        check(config, second)
    assert str(error.value).isprintable()
    return str(error.value)


def dataset(**changes):
    return {"dataset": CONFIG["dataset"] | changes}


SECRET = "hunter2"


@pytest.mark.parametrize(
    "changes",
    [
        dataset(urls=[f"https://user:{SECRET}@host/x.tar.gz"]),
        dataset(urls=["https://host/x", f"http://{SECRET}@host:8080/x"]),
        dataset(archive=f"ftp://user:{SECRET}@host/x.tar.gz"),
        dataset(urls=[f"ftp://user:{SECRET}@host/x.tar.gz"]),
        {"storage": f"s3://key:{SECRET}@bucket/x"},
        {"storage": f"https://key:{SECRET}@host/x"},
        {"claims": f"https://{SECRET}@host/claims.yaml"},
    ],
)
def test_a_password_is_refused_and_not_shown(changes):
    message = refused(check_study, ROOT, **changes)
    assert SECRET not in message and ("password" in message or "address" in message)


@pytest.mark.parametrize("address", [f"https://key:a/{SECRET}@bucket/x", f"s3://us:{SECRET}@lab/x"])
def test_a_secret_key_is_not_shown_either(address):
    with pytest.raises(StudyError) as error:
        check_address(address)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    "address",
    ["lab/study", "/mnt/share", "s3:/lab", "s3://", "fs://share/study", "gs://lab",
        "s3://lab/{combo}", "https://lab/study"]
)  # fmt: skip
def test_what_is_no_address_is_refused(address):
    expected = re.escape(f"storage is {address!r}, expected an address such as s3://")
    with pytest.raises(StudyError, match=expected):
        check_address(address)


def test_an_at_sign_that_is_no_password_is_accepted():
    config = deepcopy(CONFIG) | dataset(urls=["https://host/@user/x?mail=a@b"])
    check_config(config | {"storage": "fs:///mnt/a@b"}, SCHEMA)


@pytest.mark.parametrize(
    "changes",
    [
        dataset(archive="--output=x"),
        dataset(checksums="-"),
        dataset(archive="a\nb"),
        dataset(archive="a\x1b[2J"),
        dataset(archive="{name}"),
        {"claims": "-c.yaml"},
        {"human_votes": [{"kind": "cifar10h", "path": "-x"}]},
        dataset(urls=["https://host/a b"]),
        dataset(urls=["https://host/a\n"]),
        {"certify": ["v1/cnn2/42\n"]},
        {"models": ["cnn2\n"]},
        {"partition_seed": "s1\n"},
        {"combos": ["v1\n"]},
    ],
)
def test_what_would_be_another_word_of_a_command_is_refused(changes):
    assert refused(**changes).startswith("config: ")


def parts(*names):
    return {"partitions": [{"name": name, "size": 100} for name in names], "combos": [names[0]]}


@pytest.mark.parametrize("names", [("v1", "V1"), ("Official",), ("v1", "COMMON")])
def test_names_that_are_one_file_on_some_disks_are_refused(names):
    assert "upper from lower case" in refused(**parts(*names))


def test_models_that_are_one_file_on_some_disks_are_refused():
    assert "upper from lower case" in refused(models=["cnn2", "CNN2"], reproduce={
        "systems": [], "tuned": False})  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [parts("a" * 201), {"models": ["m" * 201]}, parts("a" * 128, "b" * 128) | {
        "combos": ["a" * 128 + "+" + "b" * 128]}],
)  # fmt: skip
def test_names_that_are_too_long_for_files_are_refused(changes):
    assert "expected at most" in refused(**changes)


@pytest.mark.parametrize("name", ["NA", "null", "nan", "None", "0", "1", "true", "a" * 200])
def test_names_like_values_are_accepted(name):
    check_config(deepcopy(CONFIG) | parts(name, "v2"), SCHEMA)
