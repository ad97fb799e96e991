"""Which device a job trains on. Looks without importing torch, because the workflow asks at every start."""

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StudyError

if TYPE_CHECKING:
    import torch


def wants_gpu(device: str) -> bool:
    """Tell whether jobs should ask the scheduler for a GPU: `device` is "cuda", or "auto" with a card in sight."""
    return device == "cuda" or (device == "auto" and nvidia_gpu_visible())


def nvidia_gpu_visible(environment: dict[str, str] | None = None, proc: Path = Path("/proc")) -> bool:
    """Tell whether this process may see an NVIDIA card: the driver lists one and CUDA_VISIBLE_DEVICES allows it."""
    environment = dict(os.environ) if environment is None else environment
    if environment.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1", "none", "NoDevFiles"):
        return False
    cards = proc / "driver" / "nvidia" / "gpus"
    return cards.is_dir() and any(cards.iterdir())


def torch_device(gpus: int) -> "torch.device":
    """Return the device for a job that was given `gpus` GPUs.

    Raises:
        StudyError: a GPU was given but torch can use none.
    """
    import torch

    if gpus == 0:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise StudyError(
            "this job was given a GPU but torch sees none (driver, CUDA_VISIBLE_DEVICES or a torch built for another "
            "CUDA); set 'device: cpu' in the configuration or run with '--resources gpu=0'"
        )
    return torch.device("cuda", 0)


def device_name(device: "torch.device") -> str:
    """Return what a reader calls the device: the card's name, or "cpu (x86_64)"."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"
