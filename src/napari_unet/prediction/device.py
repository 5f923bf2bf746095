"""Where to compute, and how precisely: chosen by what the machine does well."""

from __future__ import annotations

import gc
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import torch

from napari_unet.errors import UserError

DEVICES: Final = ("auto", "cpu", "cuda", "mps")
PRECISIONS: Final = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``auto`` takes CUDA, else MPS (Apple), else the CPU.

    Raises
    ------
    UserError
        The name is unknown or the machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if name not in available:
        raise UserError(f"There is no device {name!r}; choose one of {', '.join(DEVICES)}.")
    if not available[name]:
        raise UserError(
            f"This machine has no {name} device that torch {torch.__version__} can use; "
            "choose auto or cpu."
        )
    return torch.device(name)


@cache
def cpu_has_bf16() -> bool:
    """Whether the processor itself multiplies bfloat16 (AVX512-BF16 or AMX).

    Others compute it more slowly than float32, if at all.
    """
    try:
        flags = {name for name, there in torch.cpu.get_capabilities().items() if there}
    except (AttributeError, RuntimeError):  # older torch
        try:
            flags = set(Path("/proc/cpuinfo").read_text("utf-8").split())
        except OSError:  # not Linux
            return False
    return not flags.isdisjoint({"avx512_bf16", "amx_bf16"})


def choose_precision(name: str, device: torch.device) -> str:
    """``float32``, ``bf16`` or ``fp16``; ``auto`` takes the fastest that the device does well.

    That is bf16 on CUDA from compute capability 8.0 and on processors that have it, fp16 on older
    CUDA devices, and float32 elsewhere.

    Raises
    ------
    UserError
        The name is unknown or the device cannot compute so.
    """
    if name == "auto":
        if device.type == "cuda":
            return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
        return "bf16" if device.type == "cpu" and cpu_has_bf16() else "float32"
    if name not in PRECISIONS:
        raise UserError(
            f"There is no precision {name!r}; choose one of auto, {', '.join(PRECISIONS)}."
        )
    unfit = {"cpu": "fp16", "mps": "bf16"}
    if unfit.get(device.type) == name:
        raise UserError(f"The {device.type} device does not compute in {name}; choose auto.")
    return name


@contextmanager
def autocast(device: torch.device, precision: str) -> Iterator[None]:
    """Compute in ``precision`` inside; float32 means it, without TF32 on CUDA.

    TF32 keeps 10 bits of the 23: tiled and untiled predictions would differ visibly.
    """
    if precision != "float32":
        with torch.autocast(device.type, PRECISIONS[precision]):
            yield
    elif device.type == "cuda":
        convolutions, products = (
            torch.backends.cudnn.allow_tf32,
            torch.backends.cuda.matmul.allow_tf32,
        )
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = convolutions
            torch.backends.cuda.matmul.allow_tf32 = products
    else:
        yield


def memory_format(dims: int) -> torch.memory_format:
    """Channels last: 1.2 to 2 times as fast here as the default, on CPU and on CUDA."""
    return torch.channels_last if dims == 2 else torch.channels_last_3d


def device_name(device: torch.device) -> str:
    """What the device is sold as, where that can be found out."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"Apple GPU ({platform.machine()})"
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on whatever device.

    On the CPU torch raises a plain RuntimeError, whose text is all there is to tell by.
    """
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        part in text
        for part in ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
    )


def free_memory(device: torch.device) -> None:
    """Give back what torch keeps in reserve, so that a smaller attempt finds room."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
