"""The network of the first DVC study: two convolutions and a linear layer.

79,690 parameters with 64 filters.
"""

from torch import Tensor, nn

from study.models.blocks import conv_pool_relu


class CNN2(nn.Module):
    """conv3×3 – pool – conv3×3 – pool – linear; both convolutions have `filters` channels.

    Parameters at 32×32×3 and 10 classes: 13,018 (16 filters), 30,634 (32), 79,690 (64).
    """

    CAM_LAYERS = ("features.2", "features.5")  # sides at 32×32 pixels: 16, 8

    def __init__(
        self,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        filters: int = 64,
    ):
        super().__init__()
        self.features = nn.Sequential(
            *conv_pool_relu(in_channels, filters), *conv_pool_relu(filters, filters)
        )
        self.classifier = nn.Linear(filters * (image_size // 4) ** 2, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes.

        Args:
            images: float B×in_channels×image_size×image_size.
        """
        return self.classifier(self.features(images).flatten(1))
