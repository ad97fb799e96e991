"""CIFAR-100: 60,000 images of 32×32 pixels in 100 fine classes; `cifar` reads the archive."""

from functools import partial

from study.data.datasets import Dataset, cifar, cifar_archive

CIFAR100 = cifar.Cifar(
    title="CIFAR-100",
    archive="cifar-100-python.tar.gz",
    folder="cifar-100-python",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
    train=("train",),
    test="test",
    meta="meta",
    labels="fine_labels",
    label_names="fine_label_names",
    md5={  # as torchvision has them
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)

# The official order: 50,000 images for training, then 10,000 for testing.
DATASET = Dataset(
    title=CIFAR100.title,
    licence=cifar.LICENCE,
    n_images=60_000,
    side=32,
    n_classes=100,
    md5=CIFAR100.md5,
    officially_split=True,
    fetch=partial(cifar_archive.fetch, CIFAR100),
    decode=partial(cifar.decode, CIFAR100),
)
