"""Which jobs run again for each kind of change: the matrix is printed at the end of the tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from conftest import MATRIX, Project, shown_files

pytestmark = pytest.mark.workflow


@contextmanager
def rewritten(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """Change a text file for a while."""
    before = path.read_bytes()
    path.write_text(change(before.decode()))
    try:
        yield
    finally:
        path.write_bytes(before)


def rewritten_in(path: str, old: str, new: str):
    """Return what replaces some words in a file of the project."""
    return lambda project: rewritten(project.folder / path, lambda text: text.replace(old, new))


def appended(path: str, text: str):
    """Return what changes a file of the project."""
    return lambda project: rewritten(project.folder / path, lambda before: before + text)


@contextmanager
def another_file(path: Path, text: str) -> Iterator[None]:
    """Have a file more for a while."""
    assert not path.exists()
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink()


def added(path: str, text: str):
    """Return what adds a file to the project."""
    return lambda project: another_file(project.folder / path, text)


def shown(section: str) -> tuple[str, str]:
    """Return path and text of the one file that a section of CONTRIBUTING.md shows."""
    (file,) = shown_files(section).items()
    return file


def configured(**changes):
    """Return what changes keys of the configuration."""
    return lambda project: rewritten(
        project.folder / "config/config.yaml",
        lambda before: yaml.safe_dump(yaml.safe_load(before) | changes, sort_keys=False),
    )


def sorted_keys(path: str):
    """Return what writes a YAML file in another order."""
    return lambda project: rewritten(
        project.folder / path,
        lambda before: yaml.safe_dump(yaml.safe_load(before), sort_keys=True) + "# a remark\n",
    )


def partitioned(**sizes):
    """Return what changes the partitions; those that stay have the sizes of `Project`."""
    return configured(partitions=[{"name": name, "size": size} for name, size in sizes.items()])


@contextmanager
def touched(project: Project) -> Iterator[None]:
    """Give the code and the data new times, as a fresh clone and a copy do."""
    results = project.folder / "results"
    assert (
        results / "data/images.npy"
    ).stat().st_size > 1_000_000  # beyond which Snakemake by itself goes by time
    for path in (
        *(project.folder / "scripts").rglob("*.py"),
        *results.glob("data/*.*"),
        *results.rglob("predictions.npz"),
    ):
        path.touch()
    yield


def other_archive(project: Project):
    """Change what the archive is checked by: an archive of other images has other md5s."""
    return rewritten(project.folder / "tiny.md5", lambda before: f"# other images\n{before}")


class Change(NamedTuple):
    """A change, the jobs by rule that must run again (None: any), and rules that must not."""

    name: str
    make: Callable
    jobs: dict[str, int | None]
    not_: set[str]


READING = {"download": 1, "decode": 1, "partition": 3, "split": 6}
UPSTREAM = {"download", "decode", "partition", "find_duplicates"}
TRAINING = {"train", "predict"}
MAKING = UPSTREAM | TRAINING | {"split"}
AFTER_TRAINING = {
    "measure": 4,
    "draw_run": 4,
    "find_hard_examples": 1,
    "compare": 1,
    "summarize": 1,
}
CHANGES = [
    Change("files touched, or copied", touched, {}, set()),
    Change("keys of the configuration in another order", sorted_keys("config/config.yaml"), {},
        set()),
    Change("keys of a recipe in another order", sorted_keys("config/models/cnn2.yaml"), {}, set()),
    Change("a comment in code",
        appended("scripts/study/training/augment/draw.py", "\n# a remark\n"), {}, set()),
    Change("code that no job of this study runs",
        appended("scripts/study/training/search.py", "\n\nUNUSED = 1\n"), {}, set()),
    Change("requirements.lock", appended("requirements.lock", "# another\n"), {}, set()),
    Change("code of another architecture",
        appended("scripts/study/models/resnet18.py", "\n\nUNUSED = 1\n"), {}, set()),
    Change("code of the architecture", appended("scripts/study/models/cnn2.py", "\n\nUNUSED = 1\n"),
        {"train": 4, "predict": 4} | AFTER_TRAINING, UPSTREAM | {"split"}),
    Change("a colour of figures",
        rewritten_in("scripts/study/report/plots/style.py", "#0072B2", "#0072B3"),
        {"draw_run": 4, "draw_near_duplicates": 1, "plot_curves": 1, "summarize": 1},
        UPSTREAM | TRAINING | {"split", "measure", "measure_baselines"}),
    Change("script of the gallery",
        appended("scripts/study/report/gallery/grid.js", "\n// another\n"), {"build_gallery": 1},
        TRAINING | {"measure", "draw_run", "find_hard_examples"}),
    Change("code of all augmentations",
        appended("scripts/study/training/augment/draw.py", "\n\nUNUSED = 1\n"),
        {"train": 4, "predict": 4} | AFTER_TRAINING, UPSTREAM | {"split"}),
    Change("code of another augmentation",
        appended("scripts/study/training/augment/cutout.py", "\n\nUNUSED = 1\n"), {}, set()),
    Change("a new augmentation", added(*shown("Add an augmentation")), {}, set()),
    Change("code of the optimizer",
        appended("scripts/study/training/optimizers/adam.py", "\n\nUNUSED = 1\n"),
        {"train": 4, "predict": 4} | AFTER_TRAINING, UPSTREAM | {"split"}),
    Change("code of another optimizer",
        appended("scripts/study/training/optimizers/sgd.py", "\n\nUNUSED = 1\n"), {}, set()),
    Change("an option's description",
        rewritten_in("scripts/study/training/optimizers/adam.py", "L2 penalty.", "The L2 penalty."),
        {}, set()),
    Change("a new optimizer", added(*shown("Add an optimizer")), {}, set()),
    Change("code that reads the archive",
        appended("scripts/study/data/datasets/cifar10.py", "\n\nUNUSED = 1\n"),
        READING | {"train": 4} | AFTER_TRAINING, set()),
    Change("an archive of other images", other_archive,
        READING | {"train": 4, "predict": 4} | AFTER_TRAINING, set()),
    Change("a recipe's learning rate",
        configured(overrides={"cnn2": {"epochs": 2, "architecture": {"filters": 16},
                    "optimizer": {"lr": 0.002}}}),
                    {"resolve_recipe": 1, "train": 4, "predict": 4} | AFTER_TRAINING,
                    UPSTREAM | {"split", "measure_baselines"}),
    Change("no neighbours asked for", configured(hardness={"views": True, "neighbours": False}),
        {"predict": 4, "measure": 4, "draw_run": 4, "find_hard_examples": 1, "summarize": 1},
        UPSTREAM | {"split", "train", "measure_baselines"}),
    Change("a new seed", configured(seeds=[42, 7, 8]),
        {"split": 3, "train": 2, "predict": 2, "measure": 2, "draw_run": 2, "summarize": 1},
        UPSTREAM),
    Change("another share to test on", configured(split={"train": 0.6, "val": 0.15, "test": 0.25}),
        {"split": 6, "train": 4, "predict": 4} | AFTER_TRAINING, UPSTREAM),
    Change("a new combo", configured(combos=["v1", "v1+v2", "v3"]),
        {"train": 2, "predict": 2, "measure": 2, "draw_run": 2, "summarize": 1},
        UPSTREAM | {"split"}),
    Change("another mirror of another data set",
        rewritten_in("scripts/study/data/datasets/cifar100.py", "https://", "https://mirror."), {},
        set()),
    Change("a new data set",
        added("scripts/study/data/datasets/new.py", "DATASET = None\n"), {}, set()),
    Change("the wording of an error in config/",
        rewritten_in("scripts/study/config/checks.py", "which is not among", "not among"), {},
        set()),
    Change("a reworded docstring in training/",
        rewritten_in("scripts/study/training/schedules.py", "Learning rate by",
            "The learning rate by"), {},
        set()),
    Change("v3 taken out", partitioned(v1=100, v2=101), {"measure": 4, "summarize": 1}, MAKING),
    Change("a v4 added", partitioned(v1=100, v2=101, v3=99, v4=60),
        {"partition": 1, "split": 2, "measure": 4, "summarize": 1},
        MAKING - {"partition", "split"}),
    Change("v3 of another size", partitioned(v1=100, v2=101, v3=120),
        {"partition": 1, "split": 2, "measure": 4, "summarize": 1},
        MAKING - {"partition", "split"}),
    Change("another device", configured(device="cuda"), {}, TRAINING),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_runs_again_what_uses_it_and_nothing_else(finished, change, record_property):
    with change.make(finished):
        counts = finished.planned()
    record_property(MATRIX, (change.name, counts))
    for rule, n in change.jobs.items():
        assert counts.get(rule) == n, counts
    assert not counts.keys() & change.not_
    if not change.jobs and not change.not_:
        assert not counts


def test_the_report_warns_of_another_lock(finished):
    finished.succeeds("--report")
    report = finished.folder / "report.html"
    assert "other libraries" not in report.read_text()
    with appended("requirements.lock", "# another\n")(finished):
        finished.succeeds("--report")
    assert "Warning: other libraries" in report.read_text()
