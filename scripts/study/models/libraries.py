"""Models of torchvision and timm by name, freshly initialised: no trained weights are loaded."""

from typing import Any

from torch import nn

from study.errors import StudyError, one_line


def library_model(
    name: str, *, num_classes: int, in_channels: int, image_size: int, **options: Any
) -> nn.Module:
    """Return a freshly initialised model of a library.

    Args:
        name: "torchvision/<model>" or "timm/<model>".
        num_classes: number of logits.
        in_channels: channels of the input images; torchvision's models take three.
        image_size: height and width of the input images, pixels; for models that are made for one
            size.
        options: of the library's function, by keyword.

    Raises:
        StudyError: the library is not installed, or takes no such model or options.
    """
    library, _, model = name.partition("/")
    try:
        if library == "torchvision":
            return _torchvision(model, num_classes, image_size, options)
        return _timm(model, num_classes, in_channels, image_size, options)
    except StudyError:
        raise
    except (
        Exception
    ) as error:  # whatever a library's constructor says to options that it does not want
        raise StudyError(
            f"{name} cannot be made with {options or 'its defaults'} for images of "
            f"{image_size}×{image_size} pixels: {one_line(error)}"
        ) from error


def _torchvision(
    model: str, num_classes: int, image_size: int, options: dict[str, Any]
) -> nn.Module:
    from torchvision import models

    if model.startswith("vit_"):
        options = {"image_size": image_size} | options
    elif model == "maxvit_t":
        options = {"input_size": (image_size, image_size)} | options
    elif model in ("googlenet", "inception_v3"):  # else they return tuples in training
        options = {"aux_logits": False, "init_weights": True} | options
    return models.get_model(model, weights=None, num_classes=num_classes, **options)


def _timm(
    model: str, num_classes: int, in_channels: int, image_size: int, options: dict[str, Any]
) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise StudyError(
            f"timm/{model} needs timm, which is not installed; "
            "python -m pip install 'timm>=1.0.12' (and in envs/torch.yaml for conda)"
        ) from None
    published = timm.models.get_pretrained_cfg(model)
    if published is not None and published.fixed_input_size:
        options = {"img_size": image_size} | options
    return timm.create_model(
        model, pretrained=False, num_classes=num_classes, in_chans=in_channels, **options
    )
