"""AdamW and SGD without torch's compiler.

``torch.optim`` imports ``torch._dynamo`` with all that hangs on it, only in order to switch it off:
1.4 of 4.5 processor seconds until the engine was warm. These compute what torch's do, with the same
kernels for all weights at once, and are used wherever no fused CUDA kernel does better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class _Optimiser:
    """What both have in common; the shape of ``state_dict`` is that of torch's optimisers."""

    def __init__(self, parameters: Iterable[Tensor], **values: Any) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(parameters), **values}]
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; they are always set to None."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        numbers = {p: number for number, p in enumerate(self._parameters())}
        groups = [
            {k: v for k, v in group.items() if k != "params"}
            | {"params": [numbers[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[p]: dict(entries) for p, entries in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The moments of :meth:`state_dict`, laid out as the weights are; the rest stays."""
        parameters = self._parameters()
        self.state = {
            parameters[number]: {
                name: value.clone()
                if value.dim() == 0
                else torch.empty_like(parameters[number]).copy_(value)
                for name, value in entries.items()
            }
            for number, entries in state["state"].items()
        }

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _with_gradient(self, group: Mapping[str, Any]) -> tuple[list[Tensor], list[Tensor]]:
        chosen = [p for p in group["params"] if p.grad is not None]
        return chosen, [p.grad for p in chosen if p.grad is not None]


def make(
    parameters: Iterable[Tensor],
    kind: str,
    rate: float,
    *,
    momentum: float,
    weight_decay: float,
    fused: bool = False,
) -> Any:
    """``adamw`` or ``sgd``; with ``fused`` torch's own AdamW, in one kernel on CUDA."""
    if kind == "sgd":
        return SGD(parameters, rate, momentum=momentum, weight_decay=weight_decay)
    betas = (momentum, 0.99)
    if fused:
        return torch.optim.AdamW(
            parameters, rate, betas=betas, weight_decay=weight_decay, fused=True
        )
    return AdamW(parameters, rate, betas=betas, weight_decay=weight_decay)


class AdamW(_Optimiser):
    """Loshchilov and Hutter 2019 (arXiv 1711.05101), algorithm 2; no schedule of its own."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            parameters, gradients = self._with_gradient(group)
            if not parameters:
                continue
            for p in parameters:
                if p not in self.state:
                    self.state[p] = {
                        "step": torch.tensor(0.0),
                        "exp_avg": torch.zeros_like(p),
                        "exp_avg_sq": torch.zeros_like(p),
                    }
            states = [self.state[p] for p in parameters]
            means = [s["exp_avg"] for s in states]
            squares = [s["exp_avg_sq"] for s in states]
            rate, (first, second) = group["lr"], group["betas"]
            for s in states:
                s["step"] += 1
            counts = [float(s["step"]) for s in states]
            torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
            torch._foreach_lerp_(means, gradients, 1 - first)
            torch._foreach_mul_(squares, second)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_div_(roots, [(1 - second**n) ** 0.5 for n in counts])
            torch._foreach_add_(roots, group["eps"])
            sizes = [-rate / (1 - first**n) for n in counts]
            torch._foreach_addcdiv_(parameters, means, roots, sizes)


class SGD(_Optimiser):
    """Gradient descent with momentum (without dampening) and weight decay as in torch."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            parameters, gradients = self._with_gradient(group)
            if not parameters:
                continue
            if group["weight_decay"]:
                decay = group["weight_decay"]
                gradients = list(torch._foreach_add(gradients, parameters, alpha=decay))
            if group["momentum"]:
                old = [p in self.state for p in parameters]
                for p, g, known in zip(parameters, gradients, old, strict=True):
                    if not known:
                        self.state[p] = {"momentum_buffer": torch.zeros_like(p).copy_(g)}
                buffers = [self.state[p]["momentum_buffer"] for p in parameters]
                known_buffers = [b for b, known in zip(buffers, old, strict=True) if known]
                if known_buffers:
                    torch._foreach_mul_(known_buffers, group["momentum"])
                    fresh = [g for g, known in zip(gradients, old, strict=True) if known]
                    torch._foreach_add_(known_buffers, fresh)
                gradients = buffers
            torch._foreach_add_(parameters, gradients, alpha=-group["lr"])
