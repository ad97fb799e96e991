"""Which network a file of trained weights is of, and the models that start from it."""

import importlib.util
from pathlib import Path
from typing import NamedTuple

from study.config.architectures import library_models
from study.errors import StudyError
from study.files import with_home

MODELS = ("finetuned", "probe", "neighbours")
# Small networks of timm that are tried where the file's name has no network in it.
_TRIED = (
    "tf_efficientnet_lite0", "efficientnet_b0", "mobilenetv3_small_100", "mobilenetv3_large_100",
    "resnet18", "resnet50", "convnext_atto", "vit_tiny_patch16_224",
)  # fmt: skip
_SIDE = 224  # what networks are tried with
_OVERRIDES = """\
  finetuned:   # all three start from these weights; probe and neighbours never change them
    architecture: {{name: {network}, weights: {weights}}}
    normalize: weights
    input_size: {input_size}
    augment:   # where no side is up, add vertical_flip and quarter_turn; see config/README.md
      - {{name: random_resized_crop, scale: [0.35, 1]}}
      - {{name: horizontal_flip}}
    batch_size: 32
    epochs: {epochs}"""


class TrainedStart(NamedTuple):
    """A network with trained weights.

    Attributes:
        weights: path of their file.
        network: such as "timm/resnet18".
        sides: of the square images that the network takes with these weights, pixels.
    """

    weights: str
    network: str
    sides: tuple[int, ...]

    def overrides(self, weights: str, image_size: int, epochs: int) -> str:
        """Return what the configuration changes in the recipes; `weights` as YAML takes it."""
        input_size = min(self.sides, key=lambda side: (side < image_size, side))
        return _OVERRIDES.format(
            network=self.network, weights=weights, input_size=input_size, epochs=epochs
        )


def trained_start(
    weights: str, network: str, sides: tuple[int, ...], n_classes: int
) -> TrainedStart:
    """Return the start from a file of trained weights.

    Args:
        weights: path, .safetensors or .pth.
        network: such as "timm/resnet18"; "" to find it by the names in the file.
        sides: of square images, pixels.
        n_classes: of the study.

    Raises:
        StudyError: there is no such file, it is damaged or could run code, or its tensors are not
            of the network; or the network has no features for a probe.
    """
    if not with_home(weights).is_file():
        raise StudyError(f"--weights: there is no file {weights}; give its path")
    if importlib.util.find_spec("timm") is None and not network.startswith("torchvision/"):
        raise StudyError(
            "--weights needs timm, which is not installed; python -m pip install 'timm>=1.0.12', "
            "or name the network of torchvision that the file is of: --network torchvision/resnet18"
        )
    # After the cheap checks: importing torch takes seconds.
    from study.models.trained_weights import library_normalization, read_weights

    tensors = read_weights(with_home(weights))

    def taken(name: str, side: int) -> None:
        from study.models.build import build_recipe_model
        from study.models.features import n_features
        from study.models.trained_weights import head_of, take

        shape = (side, side, 3)
        recipe = {"architecture": {"name": name}}
        model = build_recipe_model(recipe, num_classes=n_classes, image_shape=shape)
        head = head_of(model, shape)
        take(model, tensors, head, weights)
        n_features(model, head)

    def fits(name: str, side: int) -> bool:
        try:
            taken(name, side)
        except StudyError:
            return False
        return True

    if network:
        taken(network, _SIDE)
        library_normalization(network)
    else:
        network = next((one for one in _candidates(weights) if fits(one, _SIDE)), "")
    if not network:
        raise StudyError(
            f"{weights}: weights of none of the networks that were tried ({', '.join(_TRIED)}); "
            "say of which they are: --network timm/NAME"
        )
    return TrainedStart(
        weights, network, tuple(side for side in sides if fits(network, side)) or (_SIDE,)
    )


def _candidates(weights: str) -> list[str]:
    """Return the networks of timm that the file's name has in it, the longest first, and others."""
    name = Path(weights).name.lower()
    named = sorted(filter(name.__contains__, library_models("timm") or []), key=len, reverse=True)
    return [f"timm/{one}" for one in dict.fromkeys((*named, *_TRIED))]
