"""A compact network of strided, dilated and depthwise convolutions, 199,810 parameters: the third study's.

No pooling but the global average; its receptive field before that is 95.
"""

from collections.abc import Iterator

from torch import Tensor, nn

# One convolution a row: out channels, kernel, stride, padding, dilation, depthwise. `None` for the last means a bare 1×1
# convolution: no ReLU, norm or dropout.
_ROWS = (
    (16, 3, 1, 0, 1, False),
    (32, 3, 1, 1, 1, False),
    (48, 3, 1, 0, 2, False),
    (32, 3, 2, 1, 1, False),
    (64, 3, 1, 1, 1, False),
    (96, 3, 1, 1, 1, False),
    (64, 1, 1, 0, 1, None),
    (32, 3, 2, 1, 1, False),
    (64, 3, 1, 1, 1, True),
    (128, 3, 1, 1, 1, True),
    (64, 1, 1, 0, 1, None),
    (64, 3, 2, 1, 1, False),
    (128, 3, 1, 1, 1, True),
    (256, 3, 1, 1, 1, True),
    (256, 3, 1, 1, 1, True),
    (52, 1, 1, 0, 1, None),
)


class DilatedSeparable(nn.Module):
    """Sixteen convolutions, global average, 1×1 convolution as classifier.

    A block is convolution – ReLU – BatchNorm – dropout, ReLU before the norm as the authors have it.
    """

    def __init__(self, *, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, dropout: float = 0.05):
        super().__init__()
        self.features = nn.Sequential(*_layers(in_channels, dropout))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Conv2d(_ROWS[-1][0], num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes, of images, float B×in_channels×H×W."""
        return self.classifier(self.pool(self.features(images))).flatten(1)


def _layers(in_channels: int, dropout: float) -> Iterator[nn.Module]:
    for out_channels, kernel, stride, padding, dilation, depthwise in _ROWS:
        groups = in_channels if depthwise else 1
        yield nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False)
        if depthwise is not None:
            yield from (nn.ReLU(inplace=True), nn.BatchNorm2d(out_channels), nn.Dropout(dropout))
        in_channels = out_channels
