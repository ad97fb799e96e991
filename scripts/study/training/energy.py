"""The energy that a graphics card used, by its own counter.

NVIDIA's cards since Volta count it in millijoules (NVML, `nvmlDeviceGetTotalEnergyConsumption`).
A card counts for everybody: jobs that share it each get the energy of all. For processors there is
no counter that works without root, and an estimate would be a guess: None.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes seconds to import, and callers have it already
    import torch


def gpu_energy_joules(device: "torch.device") -> float | None:
    """Return the joules that a device's card has used since its driver was loaded, or None.

    The difference of two readings is what a job used. It cannot be read without the optional
    package nvidia-ml-py, without NVIDIA's driver, on cards older than Volta and on devices other
    than CUDA's.
    """
    if device.type != "cuda":
        return None
    try:
        import pynvml
    except ImportError:
        return None
    import torch

    try:
        pynvml.nvmlInit()
        try:
            # By its identity, because CUDA_VISIBLE_DEVICES renumbers torch's cards and not NVML's.
            card = pynvml.nvmlDeviceGetHandleByUUID(
                f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            )
            return pynvml.nvmlDeviceGetTotalEnergyConsumption(card) / 1000
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None
