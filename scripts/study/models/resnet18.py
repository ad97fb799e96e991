"""ResNet-18 for small images: 3×3 stem without pooling, four stages of two basic blocks.

11,173,962 parameters. Source: K. He et al., "Deep Residual Learning for Image Recognition", CVPR
2016, with the stem for 32×32 images.
"""

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """conv–BN–ReLU–conv–BN plus the shortcut, then ReLU.

    The shortcut is a 1×1 convolution where the shape changes.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output: height and width divided by the stride."""
        return self.relu(self.residual(x) + self.shortcut(x))


class ResNet18(nn.Module):
    """Stem, stages of 64, 128, 256 and 512 channels, global average, linear.

    The receptive field before the average is 109.
    """

    CAM_LAYERS = ("layer3", "layer4")  # sides at 32×32 pixels: 8, 4

    def __init__(self, *, num_classes: int = 10, in_channels: int = 3, image_size: int = 32):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        )
        self.layer1 = _stage(64, 64, 1)
        self.layer2 = _stage(64, 128, 2)
        self.layer3 = _stage(128, 256, 2)
        self.layer4 = _stage(256, 512, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(512, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Return the maps before global pooling, float B×512×H/8×W/8."""
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(images)))))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float B×num_classes, of images, float B×in_channels×H×W."""
        return self.classifier(self.pool(self.features(images)).flatten(1))


def _stage(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(in_channels, out_channels, stride), BasicBlock(out_channels, out_channels, 1)
    )
