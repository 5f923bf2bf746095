"""One choice of the advice: what it is, what it costs here, why, and the button that takes it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from napari_unet.advice.advised import name_of
from napari_unet.advice.choosing import Advice
from napari_unet.advice.limits import shown_memory
from napari_unet.networks import registry
from napari_unet.plugin.widgets import button, words


class ChoiceRow(QFrame):
    """``taken`` is called with the choice."""

    def __init__(self, one: Advice, taken: Callable[[Advice], None]) -> None:
        super().__init__()
        self.setObjectName(f"choice_{one.rank}")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        name, width = one.candidate.network, one.candidate.arguments.get("width")
        of_width = "" if width is None else f", width {width}"
        title = words(f"<b>{one.rank}. {registry.spec(name).title}{of_width}</b>")
        title.setToolTip(name_of(one.candidate))
        take = button(
            "Take",
            "The next training uses this network, its arguments, patch and sigma",
            lambda: taken(one),
            name=f"take_{one.rank}",
        )
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(take)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(words(what(one), faint=True))
        if one.misses:
            column.addWidget(QLabel("Over the limits:"))
            column.addWidget(words(f"It {one.misses}."))
        column.addWidget(words(one.why["network"]))
        rest = "\n".join(f"{key.capitalize()}: {why}" for key, why in one.why.items())
        if one.rank == 1:
            for key in ("width", "patch", "sigma"):
                column.addWidget(words(f"<i>{key.capitalize()}.</i> {one.why[key]}"))
        self.setToolTip(rest)


def what(one: Advice) -> str:
    """What a step learns from, and what was measured."""
    candidate, measured = one.candidate, one.trial.measured
    parts = [f"patch {candidate.tile}", f"batch {candidate.batch}"]
    if "depth" in candidate.arguments:
        parts.insert(0, f"depth {candidate.arguments['depth']}")
    if one.sigma is not None:
        parts.append(f"sigma {one.sigma:g}")
    if measured is not None:
        parts += [
            f"{measured.step_seconds:.2f} s a step",
            f"{measured.image_seconds:.2f} s an image",
            shown_memory(measured.memory),
        ]
    return " · ".join(parts)
