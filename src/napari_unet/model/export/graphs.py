"""A network as a graph that runs without this package: ONNX or TorchScript."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.images.normalise import Normalisation
from napari_unet.model.export.group_norm import replace_group_norms
from napari_unet.model.export.sizes import PieceSizes

Array = npt.NDArray[np.float32]
INPUT, OUTPUT = "input", "probability"
TOLERANCE = 1e-4
"""Largest difference of a probability between ours and an exported model."""
LARGEST = 2**31 - 2**20
"""Bytes of weights that fit into one ONNX file, a limit of its format."""

_Dynamic = tuple[bool, bool]  # whether batch and size are free


class WholeModel(nn.Module):
    """Grey values (or normalised ones) (B, C, *spatial) to probabilities (B, class, *spatial).

    Pixels that are no number, or infinite, count as 0 after normalisation, as with us; where
    ``takes_missing``, the network sees itself to those that are no number.
    """

    low: Tensor
    gain: Tensor
    offset: Tensor

    def __init__(
        self,
        network: nn.Module,
        normalisation: Normalisation | None,
        dims: int,
        *,
        takes_missing: bool = False,
    ) -> None:
        super().__init__()
        # A copy: the predictor lays out the weights of the original for speed, which would show.
        self.network = copy.deepcopy(network).to(
            device="cpu",
            dtype=torch.float32,
            memory_format=torch.contiguous_format,  # type: ignore[call-overload]
        )
        replace_group_norms(self.network)
        self.takes_missing = takes_missing
        self.normalised = normalisation is not None
        if normalisation is not None:
            shape = (1, -1) + (1,) * dims
            low = torch.tensor(normalisation.low, dtype=torch.float64)
            high = torch.tensor(normalisation.high, dtype=torch.float64)
            flat = high <= low  # such channels become 0, as in Normalisation.apply
            gain = torch.where(flat, 0.0, 2 / torch.where(flat, 1.0, high - low))
            self.register_buffer("low", low.float().reshape(shape))
            self.register_buffer("gain", gain.float().reshape(shape))
            self.register_buffer("offset", torch.where(flat, 0.0, -1.0).float().reshape(shape))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        if self.normalised:
            x = (x - self.low) * self.gain + self.offset
        kept = x.isinf().logical_not() if self.takes_missing else x.isfinite()
        x = torch.where(kept, x, 0.0)
        return torch.softmax(self.network(x), 1)


@dataclass(frozen=True)
class Graph:
    """An exported model: its file, the sizes it takes, and how to run it on float32 arrays."""

    content: bytes
    sizes: PieceSizes
    run: Callable[[Array], Array]
    version: str


def to_onnx(whole: WholeModel, channels: int, sizes: PieceSizes) -> Graph:
    """The model as ONNX, with any batch and size where that can be exported, else fixed ones.

    ``version`` is that of the operators (opset).

    Raises
    ------
    UserError
        The weights are too large for the format, or the network cannot be exported.
    """
    if sum(t.numel() * t.element_size() for t in whole.state_dict().values()) > LARGEST:
        raise UserError("The network is too large for an ONNX file, which holds 2 GB at most.")
    free = [(True, True), (True, False)] if sizes.fixed is None else [(True, False)]
    problem: Exception | None = None
    for dynamic in [*free, (False, False)]:
        try:
            graph = _onnx(whole, channels, sizes, dynamic)
            _check(graph, whole, channels, batch=2 if dynamic[0] else 1)
            return graph
        except Exception as error:  # the exporter raises whatever its parts raise
            problem = error
    raise UserError(f"The network cannot be exported to ONNX ({_line(problem)}).") from problem


def to_torchscript(whole: WholeModel, channels: int, sizes: PieceSizes) -> Graph:
    """The model as TorchScript; ``version`` is that of torch. Errors as of :func:`to_onnx`."""
    examples = sizes.examples()
    with _quiet(), torch.no_grad():
        try:
            traced: Any = torch.jit.trace(  # type: ignore[no-untyped-call]
                whole, torch.zeros(1, channels, *examples[0]), check_trace=False
            )
            file = io.BytesIO()
            torch.jit.save(traced, file)
            loaded: Any = torch.jit.load(io.BytesIO(file.getvalue()))  # type: ignore[no-untyped-call]
        except Exception as error:
            raise UserError(
                f"The network cannot be exported to TorchScript ({_line(error)})."
            ) from error

    def run(x: Array) -> Array:
        with _quiet(), torch.no_grad():
            return cast(Array, loaded(torch.from_numpy(x)).numpy())

    graph = Graph(file.getvalue(), sizes, run, torch.__version__.split("+")[0])
    try:
        _check(graph, whole, channels)
    except Exception:  # traced for one size: numbers of pixels are constants in it
        graph = Graph(graph.content, sizes.only(examples[0]), run, graph.version)
    return graph


def with_metadata(content: bytes, texts: dict[str, str]) -> bytes:
    """An ONNX file that tells ``texts``, the ``description`` as its documentation."""
    import onnx

    proto = onnx.load_model_from_string(content)
    proto.doc_string = texts["description"]
    onnx.helper.set_model_props(proto, texts)
    return cast(bytes, proto.SerializeToString())


def difference(run: Callable[[Array], Array], x: Array, expected: Array) -> float:
    """Largest absolute difference of the probabilities; infinite for another shape or NaN."""
    found = run(x)
    if found.shape != expected.shape:
        return math.inf
    worst = float(np.abs(found - expected).max())
    return worst if math.isfinite(worst) else math.inf


def _onnx(whole: WholeModel, channels: int, sizes: PieceSizes, dynamic: _Dynamic) -> Graph:
    import onnx
    import onnxruntime

    size = sizes.examples()[0]
    x = torch.zeros(2 if dynamic[0] else 1, channels, *size)
    with _quiet():
        program = torch.onnx.export(
            whole,
            (x,),
            dynamo=True,
            dynamic_shapes=({**_free_axes(sizes, dynamic)},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
        assert program is not None
        proto = program.model_proto
    onnx.checker.check_model(proto)
    content = proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(x: Array) -> Array:
        return cast(Array, session.run(None, {INPUT: x})[0])

    opset = next(o.version for o in proto.opset_import if o.domain == "")
    return Graph(content, sizes if dynamic[1] else sizes.only(size), run, str(opset))


def _free_axes(sizes: PieceSizes, dynamic: _Dynamic) -> dict[int, Any]:
    """What torch.export is told about the axes of the input that are free."""
    free: dict[int, Any] = {}
    if dynamic[0]:
        free[0] = torch.export.Dim("batch")
    if dynamic[1]:
        for axis, (least, step) in enumerate(zip(sizes.least, sizes.step, strict=True), start=2):
            k: Any = torch.export.Dim(f"k{axis - 1}", min=least // step)
            size = step * k if step > 1 else k
            free[axis] = size + least % step if least % step else size
    return free


def _check(graph: Graph, whole: WholeModel, channels: int, batch: int = 1) -> None:
    """Raise ``ValueError`` unless the graph agrees with the model at all sizes it claims."""
    generator = torch.Generator().manual_seed(0)
    for size in graph.sizes.examples():
        x = torch.randn(batch, channels, *size, generator=generator)
        with torch.no_grad():
            expected = whole(x).numpy()
        worst = difference(graph.run, x.numpy(), expected)
        if worst > TOLERANCE:
            raise ValueError(f"it differs by {worst:.2g} at {size}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on torchvision, deprecations and constants."""
    loggers: Sequence[logging.Logger] = [logging.getLogger(n) for n in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _line(error: BaseException | None) -> str:
    text = " ".join(str(error).split())
    return text[:200] + ("..." if len(text) > 200 else "")
