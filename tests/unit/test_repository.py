"""The lock, the environments, the rules and the tracked files are what they should be."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import ROOT, run_python

from study.files import read_yaml

LOCK = dict(
    re.findall(r"^([a-z0-9-]+)==(\S+) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
)


def test_the_lock_has_every_dependency_with_hashes_and_names_no_host():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "--index" not in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [
        name for extra in project["optional-dependencies"].values() for name in extra
    ]
    from packaging.requirements import Requirement

    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(LOCK[requirement.name]), requirement
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block


def test_the_version_is_the_same_wherever_it_stands():
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = read_yaml(ROOT / "CITATION.cff")["version"]
    assert {project["version"], *released[:1]} == {cited}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_conda_environments_pin_the_versions_of_the_lock(path):
    pins = next(item["pip"] for item in read_yaml(path)["dependencies"] if isinstance(item, dict))
    for name, version in (pin.split("==") for pin in pins):
        assert LOCK[name] == version, f"{path.name}: {name}"


CONDA = next(filter(shutil.which, ("micromamba", "mamba", "conda")), None)
CONDA_FORGE = "https://conda.anaconda.org/conda-forge/noarch/repodata.json.zst"


@pytest.mark.skipif(CONDA is None, reason="needs micromamba, mamba or conda")
@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_conda_environments_resolve(path, tmp_path):
    try:
        urlopen(CONDA_FORGE, timeout=10).close()
    except OSError as error:
        pytest.skip(f"needs the network, and {CONDA_FORGE} cannot be reached: {error}")
    create = ["create", "--yes"] if CONDA == "micromamba" else ["env", "create"]
    words = [CONDA, *create, "--dry-run", "--prefix", tmp_path / "env", "--file", path]
    resolved = subprocess.run(words, capture_output=True, text=True)
    assert resolved.returncode == 0, resolved.stderr


def test_every_rule_declares_log_environment_and_resources():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = rule.split(":")[0]
            if "shell:" in rule:
                for directive in (
                    "log:",
                    "conda:",
                    "threads:",
                    "mem_mb=",
                    "runtime=",
                    "code=code(",
                    "--code {params.code:q}",
                ):
                    assert directive in rule, f"{name} in {path.name} lacks {directive}"


def test_each_value_in_a_shell_command_is_quoted():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for shell in re.findall(r"^    shell:\n((?: {8}.*\n)+)", path.read_text(), re.MULTILINE):
            assert shell.count("{") == shell.count(":q}"), f"{path.name}: {shell}"


def test_no_pattern_of_a_schema_lets_a_line_break_through():
    def patterns(schema):
        for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
            if key == "pattern":
                yield value
            elif isinstance(value, dict | list):
                yield from patterns(value)

    for path in (ROOT / "workflow/schemas").glob("*.yaml"):
        for pattern in patterns(read_yaml(path)):
            assert "$" not in pattern, f"{path.name}: $ matches before a line break, \\Z does not"


def test_tables_with_names_are_read_by_the_one_reader_that_keeps_them():
    scripts = (ROOT / "scripts").rglob("*.py")
    readers = [path for path in scripts if "pd.read_csv(" in path.read_text()]
    assert readers == [ROOT / "scripts/study/files.py"]


def test_nothing_generated_and_no_photograph_is_tracked():
    tracked = subprocess.run(
        ["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in map(Path, tracked.splitlines()):
        assert name == Path("results/README.md") or Path("results/reference") in name.parents


def test_what_needs_the_network_or_takes_no_time_stays_on_the_login_node():
    text = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    head = r"^( *)(?:use rule \w+ as|rule) (\w+)(?: with)?:\n"
    rules = re.findall(head + r"((?:\1    .*\n|\n)*)", text, re.MULTILINE)
    assert len(rules) > 30
    assert {name for _, name, body in rules if "    localrule: True\n" in body} == {
        "download", "take_weights", "push", "pull",
        "check_claims", "common_test", "list_runs", "partition", "resolve_recipe", "split",
    }  # fmt: skip


def test_the_workflow_starts_without_the_libraries_that_take_long_to_load():
    rules = [path.read_text() for path in sorted((ROOT / "workflow").rglob("*.smk"))]
    imports = re.findall(r"^(?:import|from) (?:.+\([^)]+\)|.+)$", "\n".join(rules), re.MULTILINE)
    assert len(imports) > 10
    program = [
        *imports,
        "from study.config.architectures import check_architecture",
        "from study.config.components import components",
        "from study.data.datasets import dataset, dataset_names",
        "from study.data.names import OWN",
        "check_study(read_yaml('config/config.yaml'), Path())",
        "own_images(read_yaml('config/config.yaml'), 'manifest.json', 'own_images.json')",
        "check_architecture({'name': 'torchvision/resnet18'})",
        "assert all(map(components, ('training.optimizers', 'training.augment')))",
        "assert all(map(dataset, {*dataset_names()} - {*OWN}))",
        "heavy = {'torch', 'torchvision', 'pandas', 'numpy', 'sklearn', 'matplotlib', 'PIL'}",
        "print(*heavy & set(sys.modules))",
    ]
    assert run_python("\n".join(program), cwd=ROOT) == "\n"
