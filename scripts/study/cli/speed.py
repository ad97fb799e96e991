"""Measure how fast recipes are trained here, in processes side by side, as a study trains.

The argument of a process is JSON (recipes, image_shape, num_classes, seconds, gpus), and it prints
JSON: for each recipe images per second and the number of parameters. It is a process of its own
because a training's settings of memory and threads hold from the start of a process.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from study.code import PROJECT
from study.config.recipes import without
from study.devices import memory_advice, take_device
from study.errors import StudyError
from study.job import KEEP_MEMORY, end_in_one_line, starting_anew

# Seconds to measure in, a model and all models together: enough for batches that are no longer
# faster when they grow. More processes at once would say no more.
_EACH, SECONDS, _PROCESSES = 3.0, 12.0, 8


def _measurable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe that takes as long, and needs neither trained weights nor the images."""
    architecture = without(recipe["architecture"], "weights")
    normalize = {"mean": [0.5] * 3, "std": [0.5] * 3}
    return {**recipe, "architecture": architecture, "normalize": normalize}


def measured(asked: dict[str, Any], processes: int) -> dict[str, tuple[float, int]]:
    """Return images per second and parameters of recipes: means of processes side by side.

    Args:
        asked: what a process is asked, see above.
        processes: that measure at the same time.

    Raises:
        StudyError: one of them failed.
    """
    asked = asked | {"recipes": {name: _measurable(one) for name, one in asked["recipes"].items()}}
    command = [sys.executable, "-P", "-m", "study.cli.speed", json.dumps(asked)]
    # This library, and not what is called so elsewhere.
    path = [str(PROJECT / "scripts"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**KEEP_MEMORY, **os.environ, "PYTHONPATH": os.pathsep.join(path)}
    started = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(1 if asked["gpus"] else min(processes, _PROCESSES))
    ]
    answers = []
    for process in started:
        printed, errors = process.communicate()
        if process.returncode:
            reason = (errors.strip().splitlines() or ["it said nothing"])[-1]
            raise StudyError(f"the speed was not measured: {reason.removeprefix('error: ')}")
        answers.append(json.loads(printed))
    return {
        model: (sum(one[model][0] for one in answers) / len(answers), answers[0][model][1])
        for model in asked["recipes"]
    }


def main(asked: dict[str, Any]) -> dict[str, tuple[float, int]]:
    """Return how many images per second each recipe trains, and how many parameters it has."""
    device = take_device(asked["gpus"], 1)
    from study.training.throughput import measure

    shape, n_classes = tuple(asked["image_shape"]), asked["num_classes"]
    each = min(_EACH, asked["seconds"] / len(asked["recipes"]))
    return {
        name: measure(recipe, shape, n_classes, device, each)
        for name, recipe in asked["recipes"].items()
    }


if __name__ == "__main__":
    with end_in_one_line(), memory_advice(), starting_anew():
        print(json.dumps(main(json.loads(sys.argv[1]))))
