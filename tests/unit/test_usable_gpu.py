"""Torch is asked about a GPU once, in a process of its own, and the answer is remembered."""

import json
import sys

import pytest
import torch
from conftest import run_python

from study import usable_gpu
from study.usable_gpu import ask_torch


class Machine:
    """Made-up answers of torch."""

    def __init__(self, memory):
        self.memory, self.answer, self.n_asked = memory, "", 0

    def ask(self):
        self.n_asked += 1
        return self.answer

    def why(self, *facts):
        """Return what a new process is told."""
        usable_gpu.why_unusable.cache_clear()
        return usable_gpu.why_unusable(facts, self.ask, self.memory)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return Machine(tmp_path / "cache" / "usable_gpus.json")


def test_torch_is_asked_once_for_the_same_machine_and_again_for_another_driver(machine):
    assert machine.why("driver 1") == machine.why("driver 1") == "" and machine.n_asked == 1
    machine.answer = "too old"
    assert machine.why("driver 2") == "too old" and machine.n_asked == 2
    assert machine.why("driver 1") == "" and machine.n_asked == 2


def test_a_no_is_asked_again_with_the_next_command_because_it_may_be_mended(machine):
    machine.answer = "no card is given to this container"
    assert machine.why("a") == machine.why("a") == machine.answer and machine.n_asked == 2
    machine.answer = ""
    assert machine.why("a") == machine.why("a") == "" and machine.n_asked == 3


def test_without_an_answer_a_card_counts_and_nothing_is_remembered(machine):
    machine.answer = None
    assert machine.why("a") == machine.why("a") == "" and machine.n_asked == 2


@pytest.mark.parametrize("damaged", ["", "1", "{", json.dumps({"a": 1})])
def test_a_damaged_memory_is_written_anew(machine, damaged):
    machine.memory.parent.mkdir()
    machine.memory.write_text(damaged)
    assert machine.why("a") == machine.why("a") == "" and machine.n_asked == 1


def test_one_process_asks_once_where_nothing_can_be_written(machine):
    machine.memory.parent.touch()
    assert machine.why("a") == ""
    arguments = (("a",), machine.ask, machine.memory)
    usable_gpu.why_unusable(*arguments)
    usable_gpu.why_unusable(*arguments)
    assert machine.n_asked == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_torch_says_why_it_can_use_no_gpu():
    # A torch that is built without CUDA says so too.
    assert "CUDA" in ask_torch() or "NVIDIA" in ask_torch()


def test_a_process_that_hangs_or_fails_gives_no_answer(monkeypatch):
    monkeypatch.setattr(usable_gpu, "_QUESTION", "raise SystemExit(1)")
    assert ask_torch() is None
    monkeypatch.setattr(usable_gpu, "_QUESTION", "import time; time.sleep(60)")
    monkeypatch.setattr(usable_gpu, "_PATIENCE", 0.2)
    assert ask_torch() is None


def test_the_planning_process_imports_no_torch(tmp_path):
    program = (
        "import sys; from pathlib import Path; from study.devices import look_for_gpu\n"
        "from study.usable_gpu import why_unusable\n"
        f"memory = Path({str(tmp_path)!r}, 'memory.json')\n"
        f"Path({str(tmp_path)!r}, 'dev').mkdir(); Path({str(tmp_path)!r}, 'dev/nvidia0').touch()\n"
        "ask = lambda: 'it is made up'\n"
        f"sight = look_for_gpu({{}}, Path({str(tmp_path)!r}), 'cuda',\n"
        "                     lambda facts: why_unusable(facts, ask, memory))\n"
        "print(sight.words, 'torch' in sys.modules)"
    )
    assert run_python(program).endswith("torch cannot use it (it is made up) False\n")
