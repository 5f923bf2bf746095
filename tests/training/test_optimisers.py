"""Our optimisers compute what torch's do, and do not load torch's compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_unet.training.optimisers import make
from napari_unet.training.state import load_optimiser, optimiser_tensors


def network(layout: Any = torch.contiguous_format) -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    return layers.to(memory_format=layout)


def theirs(parameters: Any, kind: str) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(parameters, 1e-2, momentum=0.9, weight_decay=1e-2)
    return torch.optim.AdamW(parameters, 1e-2, betas=(0.9, 0.99), weight_decay=1e-2)


def ours(parameters: Any, kind: str) -> Any:
    return make(parameters, kind, 1e-2, momentum=0.9, weight_decay=1e-2)


def descend(one: nn.Module, optimiser: Any, steps: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    for number in range(steps):
        optimiser.zero_grad(set_to_none=True)
        loss = one(torch.randn(2, 2, 9, 9, generator=generator)).square().mean()
        loss.backward()
        optimiser.param_groups[0]["lr"] = 1e-2 / (1 + number)
        optimiser.step()
    return [p.detach().clone() for p in one.parameters()]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_same_weights_as_with_torch(kind: str, layout: Any) -> None:
    a, b = network(layout), network(layout)
    one = descend(a, ours(a.parameters(), kind), 6)
    other = descend(b, theirs(b.parameters(), kind), 6)
    for p, q in zip(one, other, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
@pytest.mark.parametrize("before", [ours, theirs])
def test_a_saved_state_is_gone_on_with_bit_by_bit(kind: str, before: Any) -> None:
    one = network(torch.channels_last)
    optimiser = before(one.parameters(), kind)
    descend(one, optimiser, 3)
    tensors = {k: v.clone() for k, v in optimiser_tensors(optimiser).items()}
    weights = {k: v.clone() for k, v in one.state_dict().items()}
    first = descend(one, optimiser, 2)
    again = network(torch.channels_last)
    again.load_state_dict(weights)
    fresh = ours(again.parameters(), kind)
    load_optimiser(fresh, tensors)
    same = torch.equal if before is ours else torch.allclose
    assert all(same(p, q) for p, q in zip(first, descend(again, fresh, 2), strict=True))


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_weights_without_gradient_stay(kind: str) -> None:
    one = network()
    optimiser = ours(one.parameters(), kind)
    before = [p.detach().clone() for p in one.parameters()]
    optimiser.step()
    assert optimiser.state == {}
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), before, strict=True))


def test_training_does_not_load_the_compiler() -> None:
    code = (
        "import sys; from napari_unet.engine.warm_up import warm_up; warm_up(); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


@pytest.mark.gpu
def test_fused_on_cuda() -> None:
    one = network().cuda()
    optimiser = make(one.parameters(), "adamw", 1e-2, momentum=0.9, weight_decay=1e-2, fused=True)
    one(torch.rand(2, 2, 9, 9, device="cuda")).mean().backward()
    optimiser.step()
