"""The network of the second DVC study: three convolutions and two linear layers.

620,362 parameters.
"""

import itertools

from torch import Tensor, nn

from study.models.blocks import conv_pool_relu


class CNN3(nn.Module):
    """Three times conv3×3 – pool, then linear – ReLU – linear.

    The convolutions have `widths` channels; `hidden` units are between the linear layers.
    """

    CAM_LAYERS = ("features.5", "features.8")  # sides at 32×32 pixels: 8, 4

    def __init__(
        self,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        widths: tuple[int, int, int] = (32, 64, 128),
        hidden: int = 256,
    ):
        super().__init__()
        channels = (in_channels, *widths)
        self.features = nn.Sequential(
            *(layer for pair in itertools.pairwise(channels) for layer in conv_pool_relu(*pair))
        )
        self.classifier = nn.Sequential(
            nn.Linear(widths[-1] * (image_size // 2 ** len(widths)) ** 2, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes.

        Args:
            images: float B×in_channels×image_size×image_size.
        """
        return self.classifier(self.features(images).flatten(1))
