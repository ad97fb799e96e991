"""What is measured of one epoch, and the digest by which two trainings are compared."""

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # a probe has an epoch too, and starts in less time than torch
    from torch import nn

# Test images that are evaluated after each epoch, at most. They only show how the training goes;
# with folds they are as many as the training images, and would take half of the time.
WATCHED = 10_000


class Epoch(NamedTuple):
    """One row of the history: means over the epoch.

    Attributes:
        seconds: of the training steps, without the measurements after them.
        chain: a digest of the weights after the epoch and of the chain before it. Where two
            trainings have the same one, they were the same in all epochs so far.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    images_per_s: float
    chain: str

    def __str__(self) -> str:
        return (
            f"train loss {self.train_loss:.4f} accuracy {self.train_accuracy:.4f}  "
            f"val loss {self.val_loss:.4f} accuracy {self.val_accuracy:.4f}  "
            f"test accuracy {self.test_accuracy:.4f}  "
            f"{self.seconds:.1f} s  {self.images_per_s:.0f} images/s"
        )


def weights_digest(model: "nn.Module", after: str = "") -> str:
    """Return a digest, 16 hexadecimal digits, of an earlier one and of all weights and buffers."""
    content = hashlib.sha256(after.encode())
    for name, tensor in model.state_dict().items():
        content.update(name.encode())
        content.update(tensor.cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]
