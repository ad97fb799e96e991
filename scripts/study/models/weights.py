"""A finished run's model, as it was kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from study.errors import StudyError
from study.models.build import build_recipe_model


def load_model(weights: str | Path, record: Mapping[str, Any], device: torch.device) -> nn.Module:
    """Return a run's model with its weights and buffers, float32, in evaluation mode, on the device.

    Args:
        weights: what the training kept, .safetensors.
        record: of the same run; its `recipe`, `classes` and `image_shape` say what network it is.
        device: where it is to compute; channels lie last in memory, the layout in which convolutions are fastest.

    Raises:
        StudyError: the weights are unreadable or of another network.
    """
    model = build_recipe_model(
        record["recipe"], num_classes=len(record["classes"]), image_shape=record["image_shape"]
    )
    try:
        model.load_state_dict(load_file(weights))
    except (RuntimeError, SafetensorError) as error:
        raise StudyError(
            f"{weights}: no weights of the {record['recipe']['architecture']['name']} in the run's record ({error}); "
            "train this run again"
        ) from error
    return model.eval().to(device, memory_format=torch.channels_last)
