"""Measure how fast this process trains recipes: what `study plan` asks of processes side by side.

Its argument is JSON (recipes, image_shape, num_classes, seconds, gpus), and it prints JSON: for
each recipe images per second and the number of parameters. It is a process of its own because a
training's settings of memory and threads hold from the start of a process.
"""

import json
import sys
from typing import Any

from study.devices import take_device
from study.job import end_in_one_line


def main(asked: dict[str, Any]) -> dict[str, tuple[float, int]]:
    """Return how many images per second each recipe trains, and how many parameters it has."""
    device = take_device(asked["gpus"], 1)
    from study.training.throughput import measure

    shape, n_classes = tuple(asked["image_shape"]), asked["num_classes"]
    each = asked["seconds"] / len(asked["recipes"])
    measured = {
        name: measure(recipe, shape, n_classes, device, each)
        for name, recipe in asked["recipes"].items()
    }
    return {name: (speed.train, speed.parameters) for name, speed in measured.items()}


if __name__ == "__main__":
    with end_in_one_line():
        print(json.dumps(main(json.loads(sys.argv[1]))))
