"""How far a network sees, followed backwards through its layers. Free of torch.

A span (first, last) is an interval of pixels of one axis, both ends included. Each function takes
the span of a layer's output that is wanted and returns the span of its input that this depends on;
pixel 0 of every level lies at the border of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Span = tuple[int, int]


def convolved(span: Span, radius: int) -> Span:
    """What convolutions need that look ``radius`` pixels to each side, all of them together."""
    return span[0] - radius, span[1] + radius


def pooled(span: Span) -> Span:
    """What a 2x2 pooling, or a 2x2 convolution of stride 2, needs."""
    return 2 * span[0], 2 * span[1] + 1


def transposed(span: Span, kernel: int, stride: int, padding: int = 0) -> Span:
    """What a transposed convolution needs; ``padding`` as in torch."""
    # Output o is made of the inputs i with 0 <= o + padding - stride * i < kernel.
    first = -((kernel - 1 - padding - span[0]) // stride)
    return first, (span[1] + padding) // stride


def contracted(span: Span, radii: Sequence[int]) -> Span:
    """What a contracting path needs: convolutions of each of ``radii``, the finest level first,
    and a pooling between two levels.
    """
    for radius in reversed(radii[1:]):
        span = pooled(convolved(span, radius))
    return convolved(span, radii[0])


def interpolated(span: Span, factor: int = 2) -> Span:
    """What linear interpolation to ``factor`` times the size needs (``align_corners=False``).

    ``factor`` is even: the middle of a new pixel then lies between two old ones.
    """
    return (2 * span[0] + 1 - factor) // (2 * factor), (2 * span[1] + 1 + factor) // (2 * factor)


def joined(*spans: Span) -> Span:
    """All of what is concatenated, added or multiplied."""
    return min(first for first, _ in spans), max(last for _, last in spans)


def reach(needs: Callable[[Span], Span], stride: int) -> int:
    """One-sided reach of a network of which ``needs`` goes from output to input.

    The largest over the pixels of one stride.
    """
    largest = 0
    for pixel in range(stride):
        first, last = needs((pixel, pixel))
        largest = max(largest, pixel - first, last - pixel)
    return largest
