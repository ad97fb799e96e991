"""The fourth study's custom ResNet: nine layers with max-pooling, 6,573,130 parameters.

Of the family of D. Page, "How to Train Your ResNet", 2018: residual branches end in ReLU before the
addition, and nothing follows the addition.
"""

from torch import Tensor, nn


class Residual(nn.Module):
    """x plus twice conv–BN–ReLU of x."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(*_conv(channels, channels), *_conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return x + self.branch(x)


class ResNet9(nn.Module):
    """Preparation, three pooled layers of twice, four and eight times its channels, max, linear.

    The preparation has `filters` channels. The first and third layer are residual. The receptive
    field of the last maps, after the 4×4 max-pool, is 88.
    """

    CAM_LAYERS = ("layer2", "layer3")  # sides at 32×32 pixels: 8, 4

    def __init__(
        self,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        filters: int = 64,
    ):
        super().__init__()
        first, second, third = (filters * factor for factor in (2, 4, 8))
        self.prep = nn.Sequential(*_conv(in_channels, filters))
        self.layer1 = nn.Sequential(*_conv(filters, first, pool=True), Residual(first))
        self.layer2 = nn.Sequential(*_conv(first, second, pool=True))
        self.layer3 = nn.Sequential(*_conv(second, third, pool=True), Residual(third))
        self.pool = nn.MaxPool2d(4, stride=2)
        self.classifier = nn.Linear(third, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Return the maps after the last max-pool, float B×C×h×w; h = w = 1 at 32×32."""
        return self.pool(self.layer3(self.layer2(self.layer1(self.prep(images)))))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes.

        Args:
            images: float B×in_channels×H×W, at least 32×32.
        """
        # At 32×32 one place is left, and the maximum changes nothing; larger images leave several.
        return self.classifier(self.features(images).amax(dim=(2, 3)))


def _conv(in_channels: int, out_channels: int, *, pool: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return [*layers, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
