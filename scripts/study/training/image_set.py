"""The images and labels that a training reads, on one device."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from study.data.index import images_digest


@dataclass(frozen=True)
class ImageSet:
    """Images and labels that lie on one device.

    Attributes:
        images: uint8, N×H×W×C.
        labels: int64, N.
    """

    images: Tensor
    labels: Tensor

    @classmethod
    def taken(
        cls, images: np.ndarray, labels: np.ndarray, image_ids: np.ndarray, device: torch.device
    ) -> "ImageSet":
        """Return these images of a whole data set, on the device."""
        return cls(
            torch.from_numpy(images[image_ids]).to(device),
            torch.from_numpy(labels[image_ids]).to(device),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def empty(self) -> "ImageSet":
        """Return a set without images, of the same shape and on the same device."""
        return ImageSet(self.images[:0], self.labels[:0])

    def digest(self) -> str:
        """Return a digest of the content."""
        return images_digest(self.images.cpu().numpy(), self.labels.cpu().numpy())
