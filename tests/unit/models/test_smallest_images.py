"""The smallest images that each architecture can take."""

import pytest
import torch

from study.config.recipes import SMALLEST
from study.models.build import build_model


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize(("architecture", "smallest"), SMALLEST.items())
def test_the_smallest_size_of_an_architecture_is_what_it_can_do(architecture, smallest):
    def logits(size):
        network = build_model(architecture, num_classes=3, image_size=size)
        assert all(parameter.numel() for parameter in network.parameters())
        return network(torch.zeros(2, 3, size, size))

    assert logits(smallest).shape == (2, 3) and torch.isfinite(logits(smallest)).all()
    if smallest > 2:
        with pytest.raises((RuntimeError, AssertionError)):
            logits(smallest - 1)
