"""Where the workflow may lie and be called from, and which Python and library its jobs run with."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, clean_environment

from study.config.recipes import merged

pytestmark = pytest.mark.workflow

TINY = {
    "dataset": {"name": "digits"},
    "partitions": [{"name": "v1", "size": 300}],
    "combos": ["v1"],
    "seeds": [1],
    "models": ["cnn2"],
    "overrides": {"cnn2": {"epochs": 1, "architecture": {"filters": 4}}},
    "compare": {"precision": 0.01},
    "reproduce": {"systems": []},
    "device": "cpu",
}
# Of little work.
FIRST, SECOND = "results/recipes/cnn2.yaml", "results/runs.csv"


def snakemake(*words: object, folder: Path, **environment: str) -> str:
    """Run Snakemake in a folder, which must succeed, and return what it prints."""
    done = subprocess.run(
        [Path(sys.executable).parent / "snakemake", "--cores", "1", *map(str, words)],
        cwd=folder, capture_output=True, text=True, env=clean_environment() | environment,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def test_jobs_run_with_the_python_and_the_library_of_the_workflow(project, tmp_path):
    project.configure(merged(project.study, TINY))
    (tmp_path / "study.py").write_text("raise RuntimeError('not the library')\n")
    (tmp_path / "python").write_text("#!/bin/sh\necho not the interpreter >&2\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "profile").write_text(f"PATH='{tmp_path}:/usr/bin:/bin'\n")
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "BASH_ENV": str(tmp_path / "profile")}
    library = {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    snakemake(FIRST, folder=project.folder, **variables, **library)


def test_a_study_lies_in_a_folder_of_its_own_and_either_folder_may_move(project, tmp_path):
    study = tmp_path / "it's a study"
    (study / "config/models").mkdir(parents=True)
    recipe = yaml.safe_load((project.folder / "config/models/cnn2.yaml").read_text())
    (study / "config/models/mine.yaml").write_text(yaml.safe_dump(recipe | {"epochs": 3}))
    tiny = TINY | {"models": ["cnn2", "mine"], "overrides": {}}
    (study / "config/config.yaml").write_text(yaml.safe_dump(tiny))
    targets = [FIRST, SECOND, "results/recipes/mine.yaml"]
    elsewhere = ("--snakefile", project.folder / "workflow/Snakefile", "--directory", study)
    snakemake(*targets, *elsewhere, folder=tmp_path)
    assert all((study / target).is_file() for target in targets)
    assert not (project.folder / "results/recipes").exists()
    assert not (tmp_path / "results").exists() and not (tmp_path / ".snakemake").exists()

    project.folder.rename(tmp_path / "moved")
    study.rename(tmp_path / "study")
    snakefile = tmp_path / "moved/workflow/Snakefile"
    said = snakemake("-n", *targets, "-s", snakefile, folder=tmp_path / "study")
    assert "Nothing to be done" in said


def test_a_study_in_a_folder_of_its_own_is_bundled_with_its_configuration(project, tmp_path):
    study, elsewhere = tmp_path / "mine", tmp_path / "their's"
    (study / "config/models").mkdir(parents=True)
    recipe = yaml.safe_load((project.folder / "config/models/cnn2.yaml").read_text())
    (study / "config/models/mine.yaml").write_text(yaml.safe_dump(recipe | {"epochs": 3}))
    tiny = TINY | {"models": ["mine"], "overrides": {}}
    (study / "config/config.yaml").write_text(yaml.safe_dump(tiny))
    targets = ["results/recipes/mine.yaml", SECOND]
    snakemake(*targets, "--directory", study, folder=project.folder)

    def script(name: str, *words: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, f"scripts/{name}.py", *map(str, words)],
            cwd=project.folder, capture_output=True, text=True, env=project.environment(),
        )  # fmt: skip

    bundle = tmp_path / "study.tar.gz"
    said = script("bundle", "--project", study, "--output", bundle, "--configfiles", "../no.yaml")
    assert "--project NEW_FOLDER" in said.stdout and "not in it, send it along" in said.stdout
    refused = script("unbundle", bundle)
    assert refused.returncode and "config/config.yaml is here already and differs" in refused.stderr
    assert "--project NEW_FOLDER" in refused.stderr
    said = script("unbundle", bundle, "--project", elsewhere)
    assert "it was made with ../no.yaml too, which is neither in it nor here" in said.stdout
    command = said.stdout.split("look at it: ")[1].split(";")[0]
    words = shlex.split(command)
    assert words[0] == "snakemake"
    assert "Nothing to be done" in snakemake(*targets, *words[1:], folder=project.folder)


DEPLOYED = """
configfile: "config/config.yaml"
module partition_study:
    snakefile: {snakefile}
    config: {config}
use rule * from partition_study{names}
"""


@pytest.mark.parametrize("source", ["a folder", "a repository"])
def test_it_is_a_module_of_another_workflow(project, tmp_path, source):
    """From a repository as `snakedeploy` writes it; github.com is a folder here."""
    git = ["git", "-C", project.folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    hosted = tmp_path / "host/owner/name"
    hosted.parent.mkdir(parents=True)
    project.folder.rename(hosted)
    study = tmp_path / "study"
    (study / "workflow").mkdir(parents=True)
    (study / "config").mkdir()
    remote = source == "a repository"
    snakefile = "github('owner/name', path='workflow/Snakefile', tag='v1')"
    text = DEPLOYED.format(
        snakefile=snakefile if remote else repr(str(hosted / "workflow/Snakefile")),
        config="config" if remote else "config['study']",
        names="" if remote else " as study_*",
    )
    (study / "workflow/Snakefile").write_text(text)
    config = yaml.safe_dump(TINY if remote else {"study": TINY})
    (study / "config/config.yaml").write_text(config)
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/host/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    snakemake(FIRST, folder=study, **variables)
    assert (study / ".snakemake/sources").exists() is remote
    assert (study / FIRST).is_file() and not (hosted / FIRST).exists()


def test_a_job_that_fails_says_why_last(project):
    project.configure(merged(project.study, TINY))
    with (project.folder / "scripts/resolve_recipe.py").open("a") as stream:
        stream.write("raise RuntimeError('the reason')\n")
    done = project.snakemake("--quiet", "rules", "--cores", "1", FIRST)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).splitlines()[-1] == "RuntimeError: the reason"


WITHOUT_LIBRARIES = """
import sys
from importlib.machinery import ModuleSpec
import snakemake.cli
HEAVY = {"numpy", "pandas", "scipy", "sklearn", "torch", "matplotlib", "PIL", "optuna"}
for name in [name for name in sys.modules if name.split(".")[0] in HEAVY]:
    del sys.modules[name]
class Missing:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name.split(".")[0] in HEAVY else None
    def create_module(self, spec):
        raise ModuleNotFoundError(spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Missing())
snakemake.cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("--lint", "in a good condition"),
        ("-c 1 -d .test --forceall --rulegraph", 'label = "train"'),
    ],
)
def test_the_catalogue_draws_and_checks_it_where_snakemake_alone_is_installed(words, printed):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBRARIES, *words.split()],
        cwd=ROOT, capture_output=True, text=True, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 0 and printed in done.stdout + done.stderr, done.stderr
