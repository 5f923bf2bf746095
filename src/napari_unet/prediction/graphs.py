"""CUDA graphs: the kernels of a prediction launched at once. Not yet measured on a GPU.

Tiles of one size repeat the same hundred kernels; replaying them as a graph saves the time in which
the processor launches them one by one, which is what small networks mostly wait for.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.prediction.device import PRECISIONS, free_memory, is_out_of_memory

KEPT = 4
"""Graphs that are kept, each with the memory of its maps; the tiles of a plan have few sizes."""
WORTH = 3
"""A size is recorded when it comes this often: recording costs about two predictions."""


class Graphed(nn.Module):
    """``network`` on a CUDA device, replayed for inputs of a size that was seen before.

    ``network`` stays as it is meanwhile. What is returned is overwritten by the next call. Where
    memory runs out, nothing is recorded any more, and what was is given back.
    """

    def __init__(self, network: nn.Module, precision: str) -> None:
        super().__init__()
        self.network, self.precision = network, precision
        self._given_up = False
        self._seen: dict[Any, int] = {}
        self._graphs: OrderedDict[Any, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = OrderedDict()

    def forward(self, x: Tensor, **keywords: Any) -> Tensor:
        if not self._given_up:
            try:
                return self._replayed(x, keywords)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Graphs keep the memory of their maps for good: the network may do without them.
            self._given_up = True
            self._graphs.clear()
            free_memory(x.device)
        return self._run(x, keywords)

    def _replayed(self, x: Tensor, keywords: dict[str, Any]) -> Tensor:
        key = (tuple(x.shape), repr(sorted(keywords.items())))
        if key not in self._graphs:
            self._seen[key] = self._seen.get(key, 0) + 1
            if self._seen[key] < WORTH:
                return self._run(x, keywords)
            self._record(key, x, keywords)
        self._graphs.move_to_end(key)
        graph, given, found = self._graphs[key]
        given.copy_(x)
        graph.replay()
        return found

    def _run(self, x: Tensor, keywords: dict[str, Any]) -> Tensor:
        # Without its memory of cast weights, which would live outside the graph that reads them.
        low = self.precision != "float32"
        with torch.autocast("cuda", PRECISIONS[self.precision], enabled=low, cache_enabled=False):
            result: Tensor = self.network(x, **keywords)
        return result

    def _record(self, key: Any, x: Tensor, keywords: dict[str, Any]) -> None:
        while len(self._graphs) >= KEPT:
            self._graphs.popitem(last=False)
        given = x.clone(memory_format=torch.preserve_format)
        aside = torch.cuda.Stream(x.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(x.device))
        with torch.cuda.stream(aside):  # what is set up at the first call must not be recorded
            self._run(given, keywords)
        torch.cuda.current_stream(x.device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = self._run(given, keywords)
        self._graphs[key] = (graph, given, found)
