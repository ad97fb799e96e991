"""Speeds are measured where a CUDA graph fails too, as a training goes on without one."""

import json

from conftest import run_python

# `python -m study.cli.speed` with a CPU for a GPU on which nothing can be recorded.
WITHOUT_RECORDINGS = """
import os, runpy
from study.training import cuda_graphs, trainer

class Failing:
    def warm_up(self, work):
        raise RuntimeError("CUDA error: operation not permitted")

class WithRecorder(trainer.Trainer):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.recorder = None if os.environ.get(cuda_graphs.VARIABLE) == "0" else Failing()

trainer.Trainer = WithRecorder
runpy.run_module("study.cli.speed", run_name="__main__")
"""


def test_the_speed_is_measured_without_a_cuda_graph_that_fails():
    recipe = {
        "architecture": {"name": "cnn2", "filters": 4},
        "augment": [],
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "batch_size": 8,
        "epochs": 1,
        "optimizer": {"name": "adam", "lr": 1e-3},
        "schedule": {"name": "constant"},
        "label_smoothing": 0.0,
        "precision": "fp32",
    }
    asked = {
        "recipes": {"cnn2": recipe},
        "image_shape": [32, 32, 3],
        "num_classes": 10,
        "seconds": 0.1,
        "gpus": 0,
    }
    rate, parameters = json.loads(run_python(WITHOUT_RECORDINGS, json.dumps(asked)))["cnn2"]
    assert rate > 0 and parameters > 0
