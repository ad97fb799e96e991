"""What a bundle may hold is what a study's rules make, and nothing that another program obeys."""

import base64
import re

import pytest
from conftest import ROOT

from study.audit.bundle_places import check_content, may_hold, recorded_file
from study.errors import StudyError

RECORD = base64.urlsafe_b64encode(b"results/summary.csv").decode()


@pytest.mark.parametrize(
    "name",
    [
        "results/summary.csv", "results/runs/v1+v2/a b/seed1/run.json", "results/logs/train.log",
        "results/logs/train/v1/cnn2/seed1.log", "results/data/images.npy",
        f".snakemake/metadata/{RECORD}", f".snakemake/metadata/@{RECORD[:8]}/{RECORD[8:]}",
        "mine.yaml", "config/mine.yml", "my studies/mine.yaml",
    ],
)  # fmt: skip
def test_a_bundle_may_hold_what_a_study_makes(name):
    assert may_hold(name, {"mine.yaml", "config/mine.yml", "my studies/mine.yaml"})


@pytest.mark.parametrize(
    "name",
    [
        "scripts/numpy.py", ".git/hooks/post-checkout", "sitecustomize.py", "Makefile", ".envrc",
        "/etc/passwd", "../evil", "results/../scripts/numpy.py", "results//summary.csv",
        "./results/summary.csv", "results/./summary.csv", "results", "results/", "",
        "results/README.md", "results/readme.md", "results/reference/x.csv", "results/evil.py",
        "Results/summary.csv", "RESULTS/runs/x", "results/Summary.csv", "results/scratch/a.pt",
        "results/summary.csv/x", "results/runs", "results/data/raw/x", "results/data/RAW/x",
        "results/data/raw", "results/images/0.png", "results/runs/.git/config",
        "results/runs/v1/.x.1.partial", "results/runs/a\nb", "results/runs/\x1b[31mred",
        "results/runs/\u202egnp.exe", "results\\runs\\x", "results/runs/\udcff", "results/runs\0/x",
        ".snakemake/metadata/../../scripts/x", ".snakemake/metadata/a/b", ".snakemake/metadata/",
        ".snakemake/metadata/a\n", ".snakemake/scripts/x.py", ".snakemake/metadata/ä",
        ".Snakemake/metadata/abc", ".snakemake/locks/0.input.lock",
        "profiles/default/config.yaml", "workflow/profiles/default/config.yaml",
        "Workflow/profiles/default/config.yaml", "envs/torch.yaml", ".github/workflows/ci.yml",
        "config/profiles/x.yaml", "results/config.yaml", "-x.yaml", "config.yaml.py", "x.YAML",
    ],
)  # fmt: skip
def test_all_else_is_refused_even_where_it_is_called_a_configuration(name):
    assert not may_hold(name, {name})


def test_a_configuration_is_one_that_was_named():
    assert not may_hold("mine.yaml") and not may_hold("mine.yaml", {"other.yaml"})


def test_whatever_a_rule_makes_may_be_held():
    text = "\n".join(path.read_text() for path in (ROOT / "workflow").rglob("*.smk"))
    made = {f"results/{name}" for name in re.findall(r'"results/([^"{]+)["{]', text)}
    own = ("results/scratch", "results/images", "results/data/raw", "results/logs/")
    wrong = {name for name in made if not name.startswith(own)} - {"results/"}
    wrong -= {name for name in made if may_hold(name) or may_hold(f"{name.rstrip('/')}/x")}
    assert not wrong and len(made) > 50


def test_a_record_says_whose_it_is():
    assert recorded_file(f".snakemake/metadata/{RECORD}") == "results/summary.csv"
    split = f".snakemake/metadata/@{RECORD[:8]}/{RECORD[8:]}"
    assert recorded_file(split) == "results/summary.csv"
    assert recorded_file(".snakemake/metadata/a") == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dvc.yaml", "stages: {a: {cmd: touch SPRUNG}}"),
        ("x.yaml", "- a"),
        ("x.yaml", "[" * 100_000),
        ("x.yaml", "seeds: !!python/object/apply:os.system [touch SPRUNG]"),
        ("x.yaml", "seeds: 2001-99-99"),
        ("x.yaml", "#" * (2 << 20)),
        (".snakemake/metadata/abc", "[" * 100_000),
        (".snakemake/metadata/abc", "[1]"),
    ],
)
def test_a_file_is_what_its_place_says(name, text, tmp_path):
    (tmp_path / "file").write_text(text)
    with pytest.raises(StudyError, match=re.escape(name)):
        check_content(name, tmp_path / "file")
