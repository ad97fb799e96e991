"""What training tells of each training image: how sure, how steady and how often forgotten.

It costs no extra pass: the logits of the training steps are used.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

# Statistic of each training image, and its type.
COLUMNS = {
    "confidence": np.float32,
    "variability": np.float32,
    "correctness": np.float32,
    "forgetting": np.int16,
    "first_learnt": np.int16,
    "aum": np.float32,
}


class Dynamics:
    """Running statistics of each training image over the epochs, from the training steps' logits.

    The logits are those of the augmented image, in training mode, before the step changes the
    weights. Each epoch visits every image once.

    Args:
        count: number of training images.
        device: where the logits are.
    """

    def __init__(self, count: int, device: torch.device):
        # One column per image. Sums of p, p², right and margin, in float64: variability is a small
        # difference of large sums.
        self.sums = torch.zeros(4, count, dtype=torch.float64, device=device)
        # Right last time, times forgotten, epoch first learnt.
        self.events = torch.zeros(3, count, dtype=torch.int16, device=device)
        self.epochs = torch.zeros((), dtype=torch.int64, device=device)

    def see(self, positions: Tensor, logits: Tensor, labels: Tensor, epoch: int | Tensor) -> None:
        """Take in a batch.

        Args:
            positions: int64, B; places of the images in the training set.
            logits: float32, B×K.
            labels: int64, B.
            epoch: its number, from 1; a number, or an int64 scalar on the device.
        """
        rows = labels.unsqueeze(1)
        of_label = logits.gather(1, rows).squeeze(1)
        others = logits.scatter(1, rows, -torch.inf).amax(1)
        probability = (of_label - logits.logsumexp(1)).exp().double()
        right = of_label > others
        margin = (of_label - others).double()
        self.sums[:, positions] += torch.stack(
            [probability, probability**2, right.double(), margin]
        )
        was_right, forgotten, first = self.events[:, positions]
        first = torch.where(right & (first == 0), epoch, first)
        self.events[:, positions] = torch.stack(
            [right.short(), forgotten + (was_right.bool() & ~right), first.short()]
        )
        self.epochs.fill_(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        return {"sums": self.sums, "events": self.events, "epochs": self.epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.sums.copy_(state["sums"])
        self.events.copy_(state["events"])
        self.epochs.copy_(state["epochs"])

    def table(self) -> dict[str, np.ndarray]:
        """Return the statistics over the epochs, arrays over the training images, by name.

        - `confidence` and `variability`: mean and standard deviation (ddof 0) of the label's
          probability;
        - `correctness`: the share of epochs in which the image was classified as its label;
        - `forgetting`: how often it was right in one epoch and wrong in the next;
        - `first_learnt`: the first epoch in which it was right, 0 for never;
        - `aum`: the mean margin of the label's logit over the largest other one.

        Sources: S. Swayamdipta et al., "Dataset Cartography", 2020; M. Toneva et al., "An Empirical
        Study of Example Forgetting during Deep Neural Network Learning", 2019; G. Pleiss et al.,
        "Identifying Mislabeled Data using the Area Under the Margin Ranking", 2020.
        """
        mean, square, correctness, margin = self.sums.cpu().numpy() / max(1, int(self.epochs))
        _, forgetting, first = self.events.cpu().numpy()
        values = (
            mean,
            np.sqrt(np.maximum(square - mean**2, 0)),
            correctness,
            forgetting,
            first,
            margin,
        )
        return {
            name: value.astype(kind)
            for (name, kind), value in zip(COLUMNS.items(), values, strict=True)
        }
