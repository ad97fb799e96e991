"""Entry scripts by themselves, and what an installed copy holds."""

import argparse
import importlib
import inspect
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from benchmarks.scale import commands
from conftest import ROOT, run_python, run_script
from PIL import Image

from study.errors import StudyError


@pytest.mark.parametrize(
    "script", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.name
)
def test_every_entry_point_has_help(script):
    assert "usage:" in run_script(script.name, "--help").stdout


@pytest.mark.parametrize(
    ("module", "function", "step"),
    [
        ("embed", "main", "read_json"),
        ("gradcam_hard_examples", "main", "read_index"),
        ("lr_find", "main", "index_of_splits"),
        ("predict", "main", "read_json"),
        ("tune", "main", "index_of_splits"),
        ("study.cli.predict", "_predict", "take_device"),
    ],
)
def test_a_full_gpu_is_said_in_one_line_wherever_it_is_met(module, function, step, monkeypatch):
    def no_room(*given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    # The first step that can fail stands for all: advice is around the whole of the work.
    module = importlib.import_module(module)
    monkeypatch.setattr(module, step, no_room)
    names = ("index", "splits", "weights", "taken", "run", "gpus", "threads")
    given = argparse.Namespace(recipe="{}", start=1, end=2, **dict.fromkeys(names))
    others = [None] * (len(inspect.signature(getattr(module, function)).parameters) - 1)
    with pytest.raises(StudyError, match="out of memory on the GPU"):
        getattr(module, function)(given, *others)


def test_advice_about_memory_imports_no_torch():
    """A job chooses its GPU by the environment, which torch reads when it is imported."""
    code = "import sys; from study.devices import memory_advice; memory_advice()(print)()"
    run_python(f"{code}; assert 'torch' not in sys.modules")


def test_the_benchmark_of_sizes_gives_each_script_the_options_that_it_has(tmp_path):
    for script, words in commands(tmp_path, 32).items():
        text = (ROOT / "scripts" / script).read_text()
        given = {word for word in map(str, words) if word.startswith("--")}
        known = re.findall(r'add_argument\(\s*"(--[a-z-]+)"(,\s*required=True)?', text)
        assert {name for name, required in known if required} <= given, script
        assert given <= {name for name, _ in known}, script


def test_everything_that_pages_are_made_of_is_installed_with_the_package(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(
        ROOT / "scripts/study",
        tmp_path / "scripts/study",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    build = (
        "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    )
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    built = subprocess.run(
        [sys.executable, "-c", build, wheels], cwd=tmp_path, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        installed = {name for name in wheel.namelist() if name.startswith("study/")}
    kept = {path for path in (tmp_path / "scripts/study").rglob("*.*") if path.is_file()}
    assert installed == {path.relative_to(tmp_path / "scripts").as_posix() for path in kept}


def test_exported_images_are_named_by_id_and_the_same_to_the_byte(tmp_path, decoded):
    for name in ("a", "b"):
        run_script(
            "export_images.py", "--images", decoded / "images.npy",
            "--index", decoded / "index.csv", "--threads", 2, "--output", tmp_path / name,
        )  # fmt: skip
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 360 and len({path.parent for path in files}) == 10
    assert all(
        (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
        for path in files
    )
    images = np.load(decoded / "images.npy")
    assert all(
        np.array_equal(np.asarray(Image.open(tmp_path / "a" / path)), images[int(path.stem)])
        for path in files
    )
