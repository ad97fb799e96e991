"""Measure how fast this process trains recipes: what `study plan` asks of as many processes as trainings run side by side.

It reads JSON from stdin (recipes, image_shape, num_classes, seconds, gpus) and prints JSON: `study.cli.estimates.Speed` of each recipe. It is
a process of its own because a training's settings of memory and threads hold from the start of a process.
"""

import json
import sys
import time
from typing import Any

import psutil

from study.devices import take_device
from study.job import end_in_one_line


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the speed of each recipe, and the share of a CPU that this process got while it measured (1 where it used a GPU)."""
    device = take_device(asked["gpus"], 1)
    from study.training.throughput import measure

    on_cpu = device.type == "cpu"
    start = time.process_time() if on_cpu else time.time() - psutil.Process().create_time()
    each = asked["seconds"] / len(asked["recipes"])
    clock, used = time.perf_counter(), time.process_time()
    measured = {
        name: measure(recipe, tuple(asked["image_shape"]), asked["num_classes"], device, each)
        for name, recipe in asked["recipes"].items()
    }
    share = (time.process_time() - used) / (time.perf_counter() - clock) if on_cpu else 1.0
    return {
        "speeds": {name: [*speed, start] for name, speed in measured.items()},
        "share": min(1.0, share),
    }


if __name__ == "__main__":
    with end_in_one_line():
        print(json.dumps(main(json.load(sys.stdin))))
