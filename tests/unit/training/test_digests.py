"""Which jobs run again after a change of training code: those that train, and no others."""

from pathlib import Path

import pytest
from conftest import ROOT

from study.code import code_digest, code_files

SCRIPTS = ROOT / "scripts"
CNN2 = "study.models.cnn2"
ANSWERING = ["predict.py", "gradcam_hard_examples.py"]


def change(scripts: Path, file: str, before: str, after: str) -> None:
    """Let one file of a copy of the scripts say something else."""
    path = scripts / "study" / "training" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("script", ANSWERING)
def test_a_script_that_only_asks_a_network_has_no_code_of_training(script):
    files = {path.relative_to(SCRIPTS) for path in code_files(SCRIPTS / script, CNN2)}
    assert Path("study/models/inference.py") in files
    assert not [path for path in files if path.parts[:2] == ("study", "training")]


def test_a_line_of_a_schedule_trains_again_and_predicts_nothing_again(scripts):
    change(scripts, "schedules.py", "return lambda step: 1.0", "return lambda step: 2")
    assert code_digest(scripts / "train.py", CNN2) != code_digest(SCRIPTS / "train.py", CNN2)
    for script in ANSWERING:
        assert code_digest(scripts / script, CNN2) == code_digest(SCRIPTS / script, CNN2)


def test_a_reworded_docstring_in_training_runs_nothing_again(scripts):
    change(scripts, "schedules.py", '"""Learning rate by', '"""The learning rate by')
    for script in ("train.py", "lr_find.py", *ANSWERING):
        assert code_digest(scripts / script, CNN2) == code_digest(SCRIPTS / script, CNN2)
