"""Which ways are raced, which are let in, and what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest
import torch
from torch import Tensor, nn

from napari_unet.networks import registry
from napari_unet.prediction.packing import can_pack
from napari_unet.prediction.way import Way
from napari_unet.speed import race, trials
from napari_unet.speed.live import live_network, scenes
from napari_unet.speed.race import Patience, finish
from napari_unet.speed.trials import distance, near, precisions, try_prediction, try_training

CPU = torch.device("cpu")


def small(dims: int = 2) -> nn.Module:
    arguments = {"width": 4, "depth": 1, "padding": "same", "norm": "batch", "dropout": 0.0}
    return registry.build("unet", dims=dims, in_channels=1, out_channels=2, arguments=arguments)


@pytest.fixture
def bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor has it, and other programs on it are no reason not to decide."""
    monkeypatch.setattr(trials, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(race, "DISTURBED", 0.0)


def test_distance_and_its_limits() -> None:
    a = torch.tensor([0.9, 0.1]).reshape(1, 2, 1, 1).repeat(1, 1, 10, 10)
    b = a.clone()
    b[0, :, 0, 0] = torch.tensor([0.4, 0.6])
    mean, changed = distance(b, a)
    assert mean == pytest.approx(0.005)
    assert changed == pytest.approx(0.01)
    assert near(0.002, 0.002)
    assert not near(0.0021, 0)
    assert not near(0, 0.0021)
    assert not near(float("nan"), 0)


def test_precisions_of_the_processor(monkeypatch: pytest.MonkeyPatch, bf16: None) -> None:
    assert precisions(CPU) == ["float32", "bf16"]
    monkeypatch.setattr(trials, "cpu_has_bf16", lambda: False)
    assert precisions(CPU) == ["float32"]


def test_all_ways_to_predict_are_measured(bf16: None) -> None:
    network = small()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    choice = finish(try_prediction(network, torch.rand(2, 1, 32, 32), CPU, Patience(60)))
    assert choice is not None
    kinds = ["first", "last", "last, folded"]
    if can_pack():
        kinds.append("last, folded, packed")
    assert set(choice.measured) == {
        f"{precision}, channels {kind}" for precision in ("float32", "bf16") for kind in kinds
    }
    assert choice.measured[str(choice.way)]["allowed"]
    assert choice.measured["float32, channels last"]["difference"] == 0
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


class Sensitive(nn.Module):
    """Its classes hang on digits that bf16 does not have."""

    def forward(self, x: Tensor) -> Tensor:
        one = torch.ones(1, 1, 1, 1)
        y = (nn.functional.conv2d(x, one) - x) * 1e4 + (x - 0.5)
        return torch.cat([y, -y], 1).float()


def test_what_differs_from_float32_is_out_however_fast(bf16: None) -> None:
    choice = finish(try_prediction(Sensitive(), torch.rand(2, 1, 32, 32), CPU, Patience(60)))
    assert choice is not None
    assert choice.way.precision == "float32"
    assert not choice.measured["bf16, channels last"]["allowed"]
    assert choice.measured["bf16, channels last"]["milliseconds"] is None


def test_training_is_measured_too_and_nothing_is_trained(bf16: None) -> None:
    network = small()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    images, classes = torch.rand(2, 1, 32, 32), torch.randint(2, (2, 32, 32))
    choice = finish(try_training(network, images, classes, CPU, Patience(60)))
    assert choice is not None
    assert len(choice.measured) == 4
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_volumes_are_trained_in_float32_on_the_processor(bf16: None) -> None:
    images, classes = torch.rand(1, 1, 8, 16, 16), torch.randint(2, (1, 8, 16, 16))
    choice = finish(try_training(small(3), images, classes, CPU, Patience(60)))
    assert choice is not None
    assert choice.way.precision == "float32"
    assert not [name for name in choice.measured if "bf16" in name]


def test_gradients_that_are_not_finite_are_out(monkeypatch: pytest.MonkeyPatch, bf16: None) -> None:
    real = trials._step

    def broken(network: nn.Module, way: Way, *rest: object) -> object:
        step = real(network, way, *rest)  # type: ignore[arg-type]

        def run() -> None:
            step()
            if way.precision == "bf16":
                next(network.parameters()).grad.fill_(float("nan"))  # type: ignore[union-attr]

        return run

    monkeypatch.setattr(trials, "_step", broken)
    images, classes = torch.rand(1, 1, 32, 32), torch.randint(2, (1, 32, 32))
    choice = finish(try_training(small(), images, classes, CPU, Patience(60)))
    assert choice is not None
    assert choice.way.precision == "float32"


class Overflowing(nn.Module):
    """Gradients of some 30, of which fp16 holds 2000 times as much."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.last, self.factor = nn.Conv2d(1, 2, 1), factor
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.last(60 * x + 60) * self.factor  # type: ignore[no-any-return]


@pytest.mark.parametrize(("factor", "allowed"), [(1.0, True), (1e9, False)])
def test_fp16_is_judged_at_a_loss_scale_that_fits(
    monkeypatch: pytest.MonkeyPatch, bf16: None, factor: float, allowed: bool
) -> None:
    """Training begins with too large a one and makes no step until it does."""
    monkeypatch.setattr(trials, "precisions", lambda device: ["float32", "fp16"])
    images, classes = torch.rand(1, 1, 16, 16), torch.zeros(1, 16, 16, dtype=torch.long)
    network = Overflowing(factor)
    choice = finish(try_training(network, images, classes, CPU, Patience(60)))
    assert choice is not None
    assert choice.measured["fp16, channels last"]["allowed"] is allowed


def test_the_usual_way_with_too_few_timings_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Float32 stands in for one that failed, not for one that patience was too short for."""

    def raced(*_: object) -> Generator[None, None, dict[Way, float | None]]:
        yield
        return {Way("float32"): 0.3, Way("bf16"): None}

    monkeypatch.setattr(trials, "race", raced)
    runners: dict[Way, Callable[[], object]] = {Way("float32"): list, Way("bf16"): list}
    apart = dict.fromkeys(runners, (0.0, 0.0))
    deciding = trials._decide(runners, apart, Way("bf16"), CPU, Patience(60))
    assert finish(deciding) is None
    choice = finish(trials._decide(runners, apart, Way("float32"), CPU, Patience(60)))
    assert choice is not None
    assert choice.measured["bf16, channels last"]["milliseconds"] is None


def test_short_patience_says_nothing() -> None:
    assert finish(try_prediction(small(), torch.rand(1, 1, 32, 32), CPU, Patience(0))) is None
    classes = torch.zeros(1, 32, 32, dtype=torch.long)
    assert (
        finish(try_training(small(), torch.rand(1, 1, 32, 32), classes, CPU, Patience(0))) is None
    )


def test_bf16_of_the_live_network_stays_within_the_limits() -> None:
    network, (images, classes) = live_network(), scenes()
    assert images.shape == (4, 1, 256, 256)
    assert classes.max() == 1
    with torch.inference_mode():
        exact = torch.softmax(network(images[:2]), 1)
        with torch.autocast("cpu", torch.bfloat16):
            fast = torch.softmax(network(images[:2]).float(), 1)
    assert near(*distance(fast, exact))


@pytest.mark.gpu
def test_a_gpu_is_measured_with_graphs() -> None:
    device = torch.device("cuda")
    choice = finish(try_prediction(small(), torch.rand(2, 1, 64, 64), device, Patience(60)))
    assert choice is not None
    assert "float32, channels last, graphs" in choice.measured


def test_a_way_that_fails_is_out_and_no_other(monkeypatch: pytest.MonkeyPatch, bf16: None) -> None:
    real_fold, real_step = trials.fold, trials._step

    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("could not create a primitive")

    monkeypatch.setattr(trials, "fold", lambda network: Broken())
    choice = finish(try_prediction(small(), torch.rand(2, 1, 32, 32), CPU, Patience(60)))
    assert choice is not None
    assert len(choice.measured) == 4
    assert not choice.way.folded
    monkeypatch.setattr(trials, "fold", real_fold)

    def step(network: nn.Module, way: Way, *rest: object) -> object:
        if way.precision == "bf16":
            raise RuntimeError("no primitive")
        return real_step(network, way, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(trials, "_step", step)
    images, classes = torch.rand(1, 1, 32, 32), torch.randint(2, (1, 32, 32))
    choice = finish(try_training(small(), images, classes, CPU, Patience(60)))
    assert choice is not None
    assert choice.way.precision == "float32"
