"""Where to annotate next: regions of a predicted plane, ranked, each with its reasons."""

from napari_unet.guidance.ranking import (
    Suggestion,
    Weights,
    draw,
    is_crowded,
    rank,
    rank_planes,
)
from napari_unet.guidance.terms import Terms, terms_of

__all__ = [
    "Suggestion",
    "Terms",
    "Weights",
    "draw",
    "is_crowded",
    "rank",
    "rank_planes",
    "terms_of",
]
