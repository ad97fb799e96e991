"""Where the workflow may lie and be called from, and which Python and library its jobs run with."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Project, clean_environment

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


def snakemake(*words: object, folder: Path, status: int = 0, **environment: str) -> str:
    """Run Snakemake in a folder as a user does, to this exit status; return what it prints."""
    done = subprocess.run(
        [Path(sys.executable).parent / "snakemake", "--cores", "1", *map(str, words)],
        cwd=folder, capture_output=True, text=True, env=clean_environment() | environment,
    )  # fmt: skip
    assert done.returncode == status, (done.stdout + done.stderr)[-3000:]
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


# As `snakedeploy` writes it.
DEPLOYED = """
configfile: "config/config.yaml"
module partition_study:
    snakefile: {snakefile}
    config: config
use rule * from partition_study
"""
# A module is read again for each further `use rule`.
PART_OF_ANOTHER = """
configfile: "config/another.yaml"
onstart:
    print("its own handler")
rule its_own:
    output: "theirs.txt"
    shell: "exit 1"
module partition_study:
    snakefile: {snakefile}
    config: config["study"]
use rule * from partition_study as study_*
use rule resolve_recipe from partition_study as study_resolve_recipe with:
    threads: 1
"""


def deployed(folder: Path, text: str, snakefile: str) -> Path:
    """Return the folder of a workflow with that text; its module is that expression."""
    for name, content in {
        "workflow/Snakefile": text.format(snakefile=snakefile),
        "config/config.yaml": yaml.safe_dump(TINY),
        "config/another.yaml": yaml.safe_dump({"study": TINY}),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_it_is_deployed_from_a_repository(project, tmp_path):
    """github.com is a folder here."""
    git = ["git", "-C", project.folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    hosted = tmp_path / "host/owner/name"
    hosted.parent.mkdir(parents=True)
    project.folder.rename(hosted)
    snakefile = "github('owner/name', path='workflow/Snakefile', tag='v1')"
    study = deployed(tmp_path / "study", DEPLOYED, snakefile)
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/host/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    snakemake(FIRST, folder=study, **variables)
    assert list((study / ".snakemake/sources").iterdir())
    assert (study / FIRST).is_file() and not (hosted / FIRST).exists()
    # What the handlers of the main Snakefile note.
    assert (study / "results/scratch/started.json").is_file()


def test_results_of_a_module_are_protected(project, tmp_path):
    snakefile = repr(str(project.folder / "workflow/Snakefile"))
    study = deployed(tmp_path / "study", PART_OF_ANOTHER, snakefile)
    said = snakemake(FIRST, folder=study)
    assert "its own handler" in said
    made = (study / FIRST).read_text()
    with (project.folder / "scripts/resolve_recipe.py").open("a") as stream:
        stream.write("raise RuntimeError('the reason')\n")
    assert "Error in rule study_resolve_recipe" in snakemake(FIRST, folder=study, status=1)
    assert (study / FIRST).read_text() == made  # a job that fails leaves what was there
    (study / "theirs.txt").write_text("of before")
    snakemake("--force", "theirs.txt", folder=study, status=1)
    assert not (study / "theirs.txt").exists()  # what is not ours is as Snakemake leaves it
    # Results of another data set, made by these files before they changed.
    (study / "results/data").mkdir()
    manifest = {"dataset": "cifar10", "images": [300, 32, 32, 3], "classes": []}
    (study / "results/data/manifest.json").write_text(json.dumps(manifest))
    refused = snakemake("-n", FIRST, folder=study, status=1)
    assert "results/ holds a study of cifar10, made with" in refused
    snakemake("-n", FIRST, "--config", "overwrite=true", folder=study)


def test_reports_of_studies_elsewhere_begin_with_what_was_found(project, tmp_path, archive):
    snakefile = str(project.folder / "workflow/Snakefile")
    shutil.copy2(ROOT / "config/config.yaml", project.folder / "config")
    folder = deployed(tmp_path / "study", PART_OF_ANOTHER, repr(snakefile))
    study = Project.there(folder, archive)
    study.succeeds("--cores", "2", "study_all")
    page = study.folder / "report.html"
    for elsewhere in ((), ("--snakefile", snakefile, "--directory", ".")):
        page.unlink(missing_ok=True)
        study.succeeds(*elsewhere, "--report")
        assert "Best on the common test" in page.read_text(), elsewhere


def test_what_is_printed_is_the_plan_the_device_and_a_line_a_job(project):
    # As wide as the network whose speed is known: by it the time is said.
    width = {"overrides": {"cnn2": {"architecture": {"filters": 64}}}}
    project.configure(merged(merged(project.study, TINY), width))
    run = "results/runs/v1/cnn2/seed1/run.json"
    lines = snakemake(run, folder=project.folder).splitlines()
    jobs = [line for line in lines if re.match(r" +\d+ of \d+  \w+", line)]
    assert len(jobs) >= 6 and f"{len(jobs)} of {len(jobs)}  train v1/cnn2/seed1" in jobs[-1], lines
    device = next(line for line in lines if line.startswith("1 training: `device: cpu`; on 1 CPU"))
    assert "; about " in device and device.endswith(" in all")
    # The rest is the plan: a line a rule, here of one job each, and its frame.
    assert len(lines) - len(jobs) - 1 <= len(jobs) + 5, lines
    assert not [line for line in lines if "eligible for caching" in line or "scripts/" in line]


def test_a_job_that_fails_says_why_last(project):
    project.configure(merged(project.study, TINY))
    with (project.folder / "scripts/resolve_recipe.py").open("a") as stream:
        stream.write("raise RuntimeError('the reason')\n")
    said = snakemake(FIRST, folder=project.folder, status=1)
    assert said.splitlines()[-1] == "RuntimeError: the reason"


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
