"""What trainings take."""

import pandas as pd
from matplotlib.colors import to_hex

from study.report.plots.costs import cost_figure, resources_figure
from study.report.plots.style import model_looks


def test_costs_are_points_of_accuracy_in_the_models_own_colours():
    costs = pd.DataFrame(
        {
            "combo": ["v1+v2", "v1", "v1"],
            "model": ["b", "b", "c"],
            "accuracy": [0.7, 0.6, 0.8],
            "train_seconds": [20.0, 10.0, 30.0],
            "parameters": [100, 100, 900],
            "multiply_adds": [5e6, 5e6, 1e6],
        }
    )
    models = ["a", "b", "c"]  # all runs of a diverged
    seconds, parameters, _ = cost_figure(costs, models).axes
    first, second = seconds.get_lines()
    assert first.get_xydata().tolist() == [[10, 0.6], [20, 0.7]]
    looks = model_looks(models)
    assert [to_hex(line.get_color()).upper() for line in (first, second)] == [
        looks["b"]["color"],
        looks["c"]["color"],
    ]
    assert [text.get_text() for text in seconds.texts] == ["v1+v2", "v1"]  # where each is best
    low, high = parameters.get_xlim()
    assert low < 100 and high > 900


def test_every_training_is_a_point_of_time_and_memory():
    runs = pd.DataFrame(
        {
            "combo": ["v1", "v2"],
            "model": "a",
            "train_seconds": [3.0, 4.0],
            "peak_memory_mb": [800, 900],
        }
    )
    time, memory = resources_figure(runs).axes
    assert time.get_lines()[0].get_xydata().tolist() == [[0, 3], [1, 4]]
    assert memory.get_lines()[0].get_ydata().tolist() == [800, 900]
