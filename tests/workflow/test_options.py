"""The commands of a plan are those that the scripts take, also where a value of one is empty."""

import re
import runpy
import shlex

import pytest
from conftest import ROOT, assert_one_clear_line

from study.config.recipes import merged

pytestmark = pytest.mark.workflow

# No archive, no checksums, no corrections, no folder of images; the weights are a library's.
EMPTY = {
    "dataset": {"name": "digits", "archive": "", "checksums": "", "path": "", "test_path": ""},
    "partitions": [{"name": "v1", "size": 300}],
    "combos": ["v1"],
    "seeds": [1],
    "models": ["probe", "finetuned"],
    "overrides": {"finetuned": {"input_size": 96}},
    "reproduce": {"systems": []},
}


def test_each_command_is_one_that_its_script_takes(project, monkeypatch):
    project.configure(merged(project.study, EMPTY))
    plan = project.succeeds("--dry-run", "--printshellcmds", "all", "certify")
    taken = set()

    def take(parser, main):
        parser.add_argument("--code")
        parser.add_argument("--job", action="store_true")
        parser.parse_args(words)
        taken.add(script)

    monkeypatch.setattr("study.job.run_script", take)
    for text in re.findall(r"^Shell command: (?!None$)(.*)$", plan, re.MULTILINE):
        _, script, *words = shlex.split(re.split(" > | 2>&1 ", text)[0])
        runpy.run_path(script.replace("$STUDY_SCRIPTS", str(ROOT / "scripts")), run_name="__main__")
    names = {script.rpartition("/")[2] for script in taken}
    assert names >= {"take_weights.py", "download.py", "decode.py", "split.py", "build_gallery.py"}


def test_a_table_that_the_study_cannot_have_is_refused_in_one_line(project):
    official = {"dataset": {"checksums": ""}, "combos": ["official"]}
    for systems, fragment in ((["S4"], "add S0 or S1"), ([], "reproduce.systems is empty")):
        change = official | {"models": ["resnet9"], "reproduce": {"systems": systems}}
        project.configure(merged(project.study, change) | {"overrides": {}, "official": {"val": 0}})
        refused = project.snakemake("--dry-run", "results/leak.csv")
        assert refused.returncode == 1
        assert_one_clear_line(refused.stdout + refused.stderr, fragment)
