"""The third study's network: compact, of strided, dilated and depthwise convolutions.

199,810 parameters. No pooling but the global average; its receptive field before that is 95.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from study.models.blocks import DepthwiseConv2d, Dropout

# One layer per row. Dense: (out channels, stride, padding, dilation) of a 3×3 convolution.
# Depthwise and bare 1×1: out channels.
_DENSE, _DEPTHWISE, _BARE = "dense", "depthwise", "bare"
_ROWS = (
    (_DENSE, 16, 1, 0, 1),
    (_DENSE, 32, 1, 1, 1),
    (_DENSE, 48, 1, 0, 2),
    (_DENSE, 32, 2, 1, 1),
    (_DENSE, 64, 1, 1, 1),
    (_DENSE, 96, 1, 1, 1),
    (_BARE, 64),
    (_DENSE, 32, 2, 1, 1),
    (_DEPTHWISE, 64),
    (_DEPTHWISE, 128),
    (_BARE, 64),
    (_DENSE, 64, 2, 1, 1),
    (_DEPTHWISE, 128),
    (_DEPTHWISE, 256),
    (_DEPTHWISE, 256),
    (_BARE, 52),
)


class DilatedSeparable(nn.Module):
    """Sixteen convolutions, global average, 1×1 convolution as classifier.

    A block is convolution – ReLU – BatchNorm – dropout, ReLU before the norm as in the original.
    """

    CAM_LAYERS = ("features.37", "features.54")  # sides at 32×32 pixels: 7, 4

    def __init__(
        self,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        dropout: float = 0.05,
    ):
        super().__init__()
        self.features = nn.Sequential(*_layers(in_channels, dropout))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Conv2d(_ROWS[-1][1], num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes, of images, float B×in_channels×H×W."""
        return self.classifier(self.pool(self.features(images))).flatten(1)


def _layers(in_channels: int, dropout: float) -> Iterator[nn.Module]:
    for kind, out_channels, *shape in _ROWS:
        if kind == _BARE:
            yield nn.Conv2d(in_channels, out_channels, 1, bias=False)
        else:
            if kind == _DEPTHWISE:
                yield DepthwiseConv2d(in_channels, out_channels)
            else:
                stride, padding, dilation = shape
                yield nn.Conv2d(in_channels, out_channels, 3, stride, padding, dilation, bias=False)
            yield from (nn.ReLU(inplace=True), nn.BatchNorm2d(out_channels), Dropout(dropout))
        in_channels = out_channels
