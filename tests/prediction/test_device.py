"""Choosing where and how precisely to compute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_unet.errors import UserError
from napari_unet.prediction import device

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


def test_auto_takes_the_fastest_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.choose_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.choose_device("auto") == MPS
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.choose_device("auto") == CUDA
    assert device.choose_device("cpu") == CPU


def test_missing_and_unknown_devices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no cuda device"):
        device.choose_device("cuda")
    with pytest.raises(UserError, match="no device 'tpu'; choose one of auto, cpu"):
        device.choose_device("tpu")


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "fp16"), ((8, 0), "bf16")])
def test_precision_on_cuda(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert device.choose_precision("auto", CUDA) == precision


@pytest.mark.parametrize("there", [True, False])
def test_precision_on_the_cpu_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": there, "avx2": True})
    device.cpu_has_bf16.cache_clear()
    assert device.choose_precision("auto", CPU) == ("bf16" if there else "float32")
    device.cpu_has_bf16.cache_clear()


def test_old_torch_asks_linux_and_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    answers = []
    for text in ("flags : avx2 avx512_bf16", "flags : avx2", OSError("no such file")):

        def read_text(self: Path, encoding: str, text: str | OSError = text) -> str:
            if isinstance(text, OSError):
                raise text
            return text

        monkeypatch.setattr(Path, "read_text", read_text)
        device.cpu_has_bf16.cache_clear()
        answers.append(device.cpu_has_bf16())
        assert device.device_name(CPU)
    device.cpu_has_bf16.cache_clear()
    assert answers == [True, False, False]


def test_precision_that_does_not_fit() -> None:
    assert device.choose_precision("auto", MPS) == "float32"
    assert device.choose_precision("fp16", MPS) == "fp16"
    assert device.choose_precision("bf16", CPU) == "bf16"
    with pytest.raises(UserError, match="cpu device does not compute in fp16"):
        device.choose_precision("fp16", CPU)
    with pytest.raises(UserError, match="no precision 'float64'"):
        device.choose_precision("float64", CPU)


def test_autocast_computes_as_asked() -> None:
    layer, x = torch.nn.Conv2d(1, 1, 3), torch.rand(1, 1, 8, 8)
    with device.autocast(CPU, "bf16"):
        assert layer(x).dtype == torch.bfloat16
    with device.autocast(CPU, "float32"):
        assert layer(x).dtype == torch.float32


def test_float32_on_cuda_does_without_tf32() -> None:
    before = torch.backends.cudnn.allow_tf32
    with device.autocast(CUDA, "float32"):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
            True,
        ),
        (RuntimeError("sizes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_is_out_of_memory(error: Exception, yes: bool) -> None:
    assert device.is_out_of_memory(error) is yes


def test_real_failure_to_allocate_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert device.is_out_of_memory(caught.value)
    device.free_memory(CPU)
