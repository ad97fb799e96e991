"""A small network made for speed: 94 % on CIFAR-10 in a few epochs, 1,971,352 parameters.

Of the family of K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, and D. Page,
"How to Train Your ResNet", 2018: a fixed whitening layer, three groups of two wide convolutions,
global max, a linear layer with a small output.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Whitening(nn.Conv2d):
    """A 2×2 convolution with outputs that are uncorrelated and of equal variance, and negatives.

    Its weights are the scaled eigenvectors of the covariance of the training images' 2×2 patches.
    They are set once, from training images, and never trained; only the bias is. The output is one
    pixel less high and wide.

    Source: T. Tesch's and D. Page's entries to DAWNBench, 2019; the negatives from K. Jordan, 2024.
    """

    def __init__(self, in_channels: int):
        super().__init__(in_channels, 8 * in_channels, 2)
        self.weight.requires_grad_(False)
        nn.init.dirac_(self.weight)  # of some use even when no images are shown
        nn.init.zeros_(self.bias)

    @torch.no_grad()
    def fit(self, images: Tensor, floor: float = 5e-4) -> None:
        """Set the weights from normalised images, float B×C×H×W.

        Args:
            images: training images.
            floor: is added to every eigenvalue.
        """
        patches = F.unfold(images.double(), 2).transpose(1, 2).flatten(0, 1)
        patches = patches - patches.mean(dim=0)
        eigenvalues, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        rows = (vectors / (eigenvalues + floor).sqrt()).T.flip(0)  # the largest variance first
        # An eigenvector has no sign: fix it, or two machines start from different networks.
        rows = rows * rows.gather(1, rows.abs().argmax(dim=1, keepdim=True)).sign()
        self.weight.copy_(torch.cat([rows, -rows]).view_as(self.weight))


class FastNet(nn.Module):
    """Whitening, three groups of two convolutions of `widths` channels, global max, linear."""

    CAM_LAYERS = ("groups.2", "groups.3")  # sides at 32×32 pixels: 7, 3

    def __init__(
        self,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        widths: Sequence[int] = (64, 256, 256),
    ):
        super().__init__()
        self.whitening = Whitening(in_channels)
        channels = [8 * in_channels, *widths]
        self.groups = nn.Sequential(
            nn.GELU(),
            *(_group(before, after) for before, after in zip(channels, widths, strict=False)),
        )
        self.classifier = nn.Linear(widths[-1], num_classes, bias=False)

    def fit_to_data(self, images: Tensor) -> None:
        """Set what is computed from the data and not trained; call once, before training.

        Args:
            images: training images as the network sees them, normalised and scaled, float B×C×H×W;
                a few thousand are enough.
        """
        self.whitening.fit(images)

    def features(self, images: Tensor) -> Tensor:
        """Return the maps after the last convolution, float B×C×h×w; h = w = 3 at 32×32."""
        return self.groups(self.whitening(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes, of images, float B×in_channels×H×W, at least 9×9."""
        vectors = self.features(images).amax(dim=(2, 3))
        # The small factor makes the first logits small and the layer's learning rate a large one.
        return self.classifier(vectors) / vectors.shape[1]


def _group(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        _conv(in_channels, out_channels),
        nn.MaxPool2d(2),
        *_norm(out_channels),
        _conv(out_channels, out_channels),
        *_norm(out_channels),
    )


def _norm(channels: int) -> list[nn.Module]:
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(
        False
    )  # the convolution before the norm and the one after it scale well enough
    return [norm, nn.GELU()]


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Return a 3×3 convolution without bias that starts by handing its input on (dirac)."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight[:in_channels])
    return conv
