"""Convolutions laid out once for the processor, together with the ReLU after them.

torch casts the weights of a convolution and lays them out for oneDNN anew at each call, and ReLU
goes through the whole map once more. To predict, both can be done beforehand: the weights are kept
in the layout and the numbers that the processor multiplies, and ReLU is applied to each value
before it is written. Max pooling does without the places of the maxima, which only training needs.
The operators are those that torch's own compiler emits for processors; where a version of torch
lacks them nothing is packed. The values differ from the usual ones by rounding.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.prediction.device import PRECISIONS

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)


def can_pack() -> bool:
    """Whether this torch has the operators."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    names = ("_convolution_pointwise", "_reorder_convolution_weight")
    return all(hasattr(torch.ops.mkldnn, name) for name in names)


def pack(network: nn.Module, precision: str) -> nn.Module:
    """A copy for predictions on the CPU under autocast of ``precision``; keeps the weights of now.

    The copy cannot be moved, saved or trained. ``network`` stays as it is; it should lie channels
    last. Itself where a weight is not finite: ReLU within a convolution would make 0 of NaN, and
    nothing would be seen of it.
    """
    if not all(bool(one.isfinite().all()) for one in network.state_dict().values()):
        return network
    packed = copy.deepcopy(network).eval()
    for parent in list(packed.modules()):
        # Not named_children, which passes over a layer that stands in two places.
        for name, child in [(n, m) for n, m in parent._modules.items() if m is not None]:
            if isinstance(child, _TRANSPOSED):
                child.to(PRECISIONS[precision])
            elif _halves(child):
                parent._modules[name] = Halved()
            elif _plain(child):
                relu = _relu_after(parent, name)
                parent._modules[name] = Packed(child, PRECISIONS[precision], relu=bool(relu))
                if relu:
                    parent._modules[relu] = nn.Identity()
    return packed


class Packed(nn.Module):
    """One convolution, with ReLU behind it if ``relu``, for maps (B, C, *spatial) on the CPU."""

    def __init__(self, convolution: nn.Module, numbers: torch.dtype, *, relu: bool) -> None:
        super().__init__()
        assert isinstance(convolution, _CONVOLUTIONS)
        self.numbers = numbers
        assert not isinstance(convolution.padding, str)
        self.sizes = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self.after = "relu" if relu else "none"
        # Plain attributes: a weight in oneDNN's layout is no tensor that a module could move.
        self.laid_out = torch.ops.mkldnn._reorder_convolution_weight(
            convolution.weight.detach().to(numbers), *self.sizes, None
        )
        bias = convolution.bias
        self.offset = None if bias is None else bias.detach().to(numbers)

    def forward(self, x: Tensor) -> Tensor:
        found = torch.ops.mkldnn._convolution_pointwise(
            x.to(self.numbers), self.laid_out, self.offset, *self.sizes, self.after, [], ""
        )
        return cast(Tensor, found)


class Halved(nn.Module):
    """Max pooling by 2 of maps (B, C, *spatial), for which no places need to be remembered."""

    def forward(self, x: Tensor) -> Tensor:
        for axis in range(2, x.dim()):
            even = x.narrow(axis, 0, x.shape[axis] // 2 * 2).movedim(axis, 0)
            x = torch.maximum(even[::2], even[1::2]).movedim(0, axis)
        return x


def _halves(module: nn.Module) -> bool:
    return (
        isinstance(module, (nn.MaxPool2d, nn.MaxPool3d))
        and _all(module.kernel_size, 2)
        and _all(module.stride, 2)
        and _all(module.padding, 0)
        and _all(module.dilation, 1)
        and not (module.ceil_mode or module.return_indices)
    )


def _all(sizes: int | tuple[int, ...], value: int) -> bool:
    return sizes == value or (isinstance(sizes, tuple) and set(sizes) == {value})


def _plain(module: nn.Module) -> bool:
    """Whether it is a convolution, exactly, that the operator computes."""
    return (
        type(module) in _CONVOLUTIONS
        and isinstance(module, _CONVOLUTIONS)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and not (module._forward_hooks or module._forward_pre_hooks)
    )


def _relu_after(parent: nn.Module, name: str) -> str | None:
    """Name of the ReLU right behind the layer ``name`` of a sequence; None: there is none."""
    if type(parent) is not nn.Sequential:
        return None
    # What was folded away is passed over.
    layers = [(n, m) for n, m in parent._modules.items() if m is not None]
    left = [(n, m) for n, m in layers if n == name or type(m) is not nn.Identity]
    for (first, _), (second, layer) in pairwise(left):
        if first == name and type(layer) is nn.ReLU and not layer._forward_hooks:
            return second
    return None
