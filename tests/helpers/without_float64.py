"""Tensors as on an Apple GPU, which knows no float64, on machines that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class WithoutFloat64(Tensor):
    """Refuses to become float64, as MPS does, until it was brought to the CPU."""

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = super().__torch_function__(function, types, args, kwargs or {})
        if function is torch.Tensor.cpu:
            return result.as_subclass(Tensor)
        if isinstance(result, cls) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copied: Tensor = self.clone().as_subclass(WithoutFloat64)  # type: ignore[no-untyped-call]
        return copied


def on_apple_gpu(network: nn.Module) -> nn.Module:
    """``network`` as it would lie there, in place."""
    for module in network.modules():
        for name, values in list(module.named_parameters(recurse=False)):
            there = values.detach().as_subclass(WithoutFloat64)
            setattr(module, name, nn.Parameter(there, requires_grad=False))
        for name, values in list(module.named_buffers(recurse=False)):
            setattr(module, name, values.as_subclass(WithoutFloat64))
    return network
