# pyright: basic
"""Networks that take one picture, as OpenVINO reads them: their size settled, bytes prepared inside of them."""

from typing import Any, Literal, cast

import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor

from workers.networks.recipe import Recipe

Colours = Literal["BGR", "RGB"]

OPEN = -1
"""A width that may be another one at each call."""


def settled(model: Any, name: str, asked: tuple[int, int], batch: int = 1) -> tuple[int, int]:
    """Give the input its final shape; width and height. ``asked``: those wanted, 0 where the network's own hold.

    Raises ValueError for a network that takes anything but one picture, or leaves a size open that nobody asked.
    """
    if len(model.inputs) != 1:
        msg = f"{name} has {len(model.inputs)} inputs, one image is all there is"
        raise ValueError(msg)
    shape = model.input(0).partial_shape
    rank = shape.rank
    if not rank.is_static or rank.get_length() != 4:  # noqa: PLR2004 - batch, channels, height, width
        msg = f"{name} doesn't take images: {shape}"
        raise ValueError(msg)
    rows, columns = (1, 2) if _is_nhwc(shape) else (2, 3)
    for place, wanted in ((rows, asked[1]), (columns, asked[0])):
        if wanted:
            shape[place] = wanted
        elif not shape[place].is_static:
            msg = f"{name} leaves its size open ({shape}): set reshape-width and reshape-height"
            raise ValueError(msg)
    shape[0] = batch
    model.reshape(shape)
    return _length(shape[columns]), _length(shape[rows])


def prepared(model: Any, recipe: Recipe, given: Colours) -> Any:
    """The network, taking ``given`` bytes, height before width: it turns and scales them itself."""
    steps: Any = PrePostProcessor(model)
    input_info = steps.input()
    layout = "NHWC" if _is_nhwc(model.input(0).partial_shape) else "NCHW"
    given_format = ColorFormat.RGB if given == "RGB" else ColorFormat.BGR
    input_info.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(given_format)
    input_info.model().set_layout(ov.Layout(layout))
    process = input_info.preprocess()
    if recipe.rgb != (given == "RGB"):
        process.convert_color(ColorFormat.RGB if recipe.rgb else ColorFormat.BGR)
    process.convert_element_type(model.input(0).element_type if not (recipe.mean or recipe.scale) else ov.Type.f32)
    if recipe.mean:
        process.mean(list(recipe.mean))
    if recipe.scale:
        process.scale(list(recipe.scale))
    return steps.build()


def rt_info(model: Any) -> dict[str, str]:
    """What its author wrote into it: ``framework`` and ``model_info``."""
    found: dict[str, str] = {}
    for section in ("framework", "model_info"):
        if model.has_rt_info([section]):
            entries: Any = model.get_rt_info([section])
            found |= {str(key): _text(model, section, str(key)) for key in _keys(entries)}
    return found


def output_name(output: Any) -> str:
    """The author's: frontends add names of their own."""
    names: set[str] = output.get_names()
    friendly = str(output.get_node().get_friendly_name())
    return friendly if friendly in names or not names else min(names, key=lambda name: (len(name), name))


def output_shape(output: Any) -> list[int]:
    """-1 where it is open."""
    return [_length(one) for one in output.partial_shape]


def own_name(model: Any, stem: str) -> str:
    """What the model is called, by its author or by its file."""
    name = str(model.get_friendly_name())
    return stem if not name or name.endswith("_IR") else name


def _length(one: Any) -> int:
    return one.get_length() if one.is_static else OPEN


def _is_nhwc(shape: Any) -> bool:
    return shape[3].is_static and shape[3].get_length() == 3  # noqa: PLR2004 - colours


def _keys(entries: Any) -> list[str]:
    value = getattr(entries, "value", entries)
    return [str(key) for key in cast("dict[Any, Any]", value)] if isinstance(value, dict) else []


def _text(model: Any, section: str, key: str) -> str:
    return str(model.get_rt_info([section, key]).astype(str))
