"""Data sets are found by name: a new one is one new file, and no code of the others."""

import shutil

import pytest
from conftest import ROOT, clean_environment, run_file, run_python

from study.code import code_digest, code_files
from study.data.datasets import Dataset, check_dataset_name, dataset, dataset_modules, dataset_names
from study.data.names import OWN
from study.errors import StudyError
from study.files import read_json

PUBLISHED = [name for name in dataset_names() if name not in OWN]
NEW = """
from study.data.datasets import Dataset, Decoded


def fetch(raw, source):
    raw.mkdir()


def decode(raw, source):
    import numpy as np

    labels = np.arange(9) % 2
    return Decoded(np.zeros((9, 8, 8, 3), np.uint8), labels, ["a", "b"], ["train"] * 9, ["x"] * 9)


DATASET = Dataset("New", "none", False, fetch, decode, n_images=9, side=8, n_classes=2)
"""


def test_every_data_set_has_a_complete_record():
    assert {"cifar10", "cifar100", "digits", "fashion_mnist"} <= set(PUBLISHED)
    for name in PUBLISHED:
        record = dataset(name)
        assert isinstance(record, Dataset) and record.title and record.licence
        assert min(record.n_images, record.side, record.n_classes) > 1
        assert callable(record.fetch) and callable(record.decode)
    assert dataset("folder") is dataset("csv") and dataset("csv").n_images is None


def test_a_name_of_nothing_is_refused_with_those_that_there_are():
    for wrong in ("imagenet", "own", "cifar", "../cifar10"):
        with pytest.raises(StudyError, match=r"expected one of cifar10, .*folder, csv"):
            check_dataset_name(wrong)
        with pytest.raises(StudyError, match="expected one of"):
            dataset(wrong)


def digests(scripts):
    """Return the digest of each script, with the modules of CIFAR-10 where data are read."""
    of_data = dict.fromkeys(("download.py", "decode.py"), dataset_modules("cifar10"))
    return {
        script.name: code_digest(script, *of_data.get(script.name, []))
        for script in sorted(scripts.glob("*.py"))
    }


def test_another_data_set_changes_no_digest_of_a_study_of_cifar10(scripts):
    before = digests(scripts)
    changed = scripts / "study/data/datasets/cifar100.py"
    changed.write_text(changed.read_text().replace("https://", "https://mirror."))
    (scripts / "study/data/datasets/new.py").write_text(NEW)
    # The trees of files are remembered by path: ask another copy.
    assert digests(shutil.copytree(scripts, scripts.with_name("other"))) == before
    used = scripts.with_name("other") / "study/data/datasets/cifar10.py"
    used.write_text(used.read_text() + "\nUNUSED = 1\n")
    after = digests(shutil.copytree(used.parents[3], scripts.with_name("third")))
    assert {name for name in before if after[name] != before[name]} == {"download.py", "decode.py"}


def test_a_new_data_set_is_one_new_file(scripts, tmp_path):
    (scripts / "study/data/datasets/new.py").write_text(NEW)

    def run(script, *words):
        done = run_file(scripts / script, *words, environment=clean_environment())
        assert done.returncode == 0, done.stderr

    asked = "from study.data.datasets import dataset_names; print(dataset_names())"
    assert "'fashion_mnist', 'new', 'folder'" in run_python(asked, scripts=scripts)
    of_new = ("--dataset", "new")
    run("download.py", *of_new, "--scratch", tmp_path / "scratch", "--output", tmp_path / "raw")
    written = {name: tmp_path / f"{name}.file" for name in ("images", "index", "manifest")}
    options = [text for name, path in written.items() for text in (f"--{name}", path)]
    run("decode.py", *of_new, "--raw", tmp_path / "raw", *options)
    assert read_json(written["manifest"])["class_counts"] == {"a": 5, "b": 4}


def test_no_job_after_decoding_depends_on_a_data_set():
    reading = {"download.py", "decode.py", "list_problems.py"}
    datasets = ROOT / "scripts/study/data/datasets"
    # What checks a configuration asks these; no job reads images by them.
    asked = {datasets / "__init__.py", datasets / "listing.py"}
    for script in sorted((ROOT / "scripts").glob("*.py")):
        if script.name not in reading:
            reached = {path for path in code_files(script) if path.parent == datasets} - asked
            assert not reached, script.name
