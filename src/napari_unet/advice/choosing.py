"""From features and trials to a ranked choice with its reasons. Free of torch.

The rules are few, and each says what it rests on. Where nothing speaks against the plain U-Net it
stays first: in U-Bench (F. Tang et al., arXiv 2510.07041) over 80 % of 100 variants were not
significantly better than it on the kind of images that they were trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from napari_unet.advice.features import NEIGHBOURS, Features
from napari_unet.advice.limits import Limits, shown_memory
from napari_unet.advice.trial import Candidate, Trial
from napari_unet.networks import registry
from napari_unet.training.presets import preset

PLAIN = "unet"
SMALL_FOREGROUND = 0.05
"""Part of the pixels below which U-Bench calls a foreground small."""
WEAK_CONTRAST = 1.0
ALTERNATIVES = ("cmunext", "ulite", "lunet")
"""Small and quick ones; CMUNeXt and U-Lite stand high in U-Bench's U-Score."""

Evidence = Mapping[str, Literal["better", "worse", "none"]]
"""What a comparison on the user's images said of networks against the plain one."""


@dataclass(frozen=True)
class Advice:
    """One choice. ``why`` has a sentence each for network, width, patch and sigma.

    ``sigma`` is None where the labels have no ids and so no boundary weight map; ``misses`` says
    which limit it does not keep.
    """

    rank: int
    trial: Trial
    sigma: float | None
    why: dict[str, str]
    misses: str = ""

    @property
    def candidate(self) -> Candidate:
        return self.trial.candidate


def patch(features: Features) -> tuple[int, int, str]:
    """Side of a tile, tiles a step, and why."""
    usual = preset("live")
    longest = max(features.size)
    if longest < usual.tile:
        side = max(32, longest // 32 * 32)
        batch = min(16, round(usual.batch * (usual.tile / side) ** 2))
        return side, batch, f"{side} pixels: the images are no larger than {longest}."
    if features.large is not None and 1.5 * features.large > usual.tile:
        side = min(384, longest // 32 * 32, round(1.5 * features.large / 32 + 0.5) * 32)
        side = max(side, usual.tile)
        batch = max(1, round(usual.batch * (usual.tile / side) ** 2))
        return side, batch, (
            f"{side} pixels with {batch} tile(s) a step: a tenth of the objects is more than "
            f"{features.large:.0f} pixels across and should fit into a tile with its surroundings."
        )  # fmt: skip
    what = (
        "strokes show no sizes that would speak for another"
        if features.large is None
        else f"nine of ten objects are at most {features.large:.0f} pixels across and fit"
    )
    return usual.tile, usual.batch, f"{usual.tile} pixels, as in the preset live: {what}."


def weight_sigma(features: Features) -> tuple[float | None, str]:
    """Width of the boundary weight map, and why; None where there is none."""
    usual = preset("live").sigma
    if features.kind != "objects":
        return None, (
            f"No weight map: labels of kind {features.kind} have no ids that say where two objects "
            f"meet."
        )
    if features.gap is None:
        return usual, (
            f"{usual:g}, as in the paper: no two objects are closer than {NEIGHBOURS:.0f} pixels, "
            f"so that it hardly matters."
        )
    sigma = round(min(10.0, max(2.0, features.gap + 1)), 1)
    if abs(sigma - usual) <= 1:
        return usual, (
            f"{usual:g} pixels, as in the paper: it suits neighbours that are typically "
            f"{features.gap:.0f} pixels apart."
        )
    return sigma, (
        f"{sigma:g} pixels: neighbours are typically {features.gap:.0f} pixels apart, and the "
        f"weight should be high across such a gap and fade in wider ones."
    )


def candidates(
    features: Features, device: str, evidence: Evidence, *, given: str, precision: str
) -> list[Candidate]:
    """What is worth a trial, the plain network first. ``device``: the type that ``given`` is."""
    side, batch, _ = patch(features)
    sigma = weight_sigma(features)[0] or preset("live").sigma
    plain = dict(registry.spec(PLAIN).live)
    wanted: list[tuple[str, dict[str, Any]]] = [(PLAIN, plain), (PLAIN, plain | {"width": 8})]
    if device != "cpu" or hard(features):
        wanted.append((PLAIN, plain | {"width": 32}))
    if needs_reach(features):
        wanted.append((PLAIN, plain | {"depth": 5}))
    names = [*(n for n, v in evidence.items() if v == "better"), *ALTERNATIVES]
    if features.foreground < SMALL_FOREGROUND:
        names.append("attention_unet")
    wanted += [(n, dict(registry.spec(n).live)) for n in dict.fromkeys(names) if n != PLAIN]
    return [
        Candidate(
            network=name,
            arguments=registry.check_arguments(name, arguments).model_dump(mode="json"),
            tile=side,
            batch=batch,
            sigma=sigma,
            channels=features.channels,
            classes=features.classes,
            size=features.size,
            device=given,
            precision=precision,
        )
        for name, arguments in wanted
    ]


def hard(features: Features) -> bool:
    """Whether grey values alone say little, so that more features may pay."""
    return features.contrast is not None and features.contrast < WEAK_CONTRAST


def needs_reach(features: Features) -> bool:
    """Whether many objects are larger than what the plain network sees at once."""
    field = registry.geometry(PLAIN, registry.spec(PLAIN).live).receptive_field[0]
    return features.large is not None and features.large > field


def misses(trial: Trial, limits: Limits) -> str:
    """Which limits a trial does not keep, as the end of a sentence; empty where it keeps all."""
    found = trial.measured
    if found is None:
        return f"could not be tried ({trial.failed.rstrip('.')})"
    over = []
    if limits.memory is not None and found.memory > limits.memory:
        over.append(
            f"takes {shown_memory(found.memory)} of memory, more than {shown_memory(limits.memory)}"
        )
    seconds = limits.seconds_per_image
    if seconds is not None and found.image_seconds > seconds:
        over.append(f"takes {found.image_seconds:.2f} s for an image, more than {seconds:g} s")
    return " and ".join(over)


def rank(
    trials: Sequence[Trial], features: Features, limits: Limits, device: str, evidence: Evidence
) -> list[Advice]:
    """All trials, the best choice first: those within the limits, then by what is known of them."""
    sigma, sigma_why = weight_sigma(features)
    ranked = []
    for trial in trials:
        value, network_why, width_why = _judged(trial.candidate, features, device, evidence)
        over = misses(trial, limits)
        cost = trial.measured.step_seconds if trial.measured else float("inf")
        why = {
            "network": network_why,
            "width": width_why,
            "patch": _patch_why(trial, features),
            "sigma": sigma_why,
        }
        ranked.append(((bool(over), -value, cost), Advice(0, trial, sigma, why, over)))
    ranked.sort(key=lambda pair: pair[0])
    return [
        Advice(place, one.trial, one.sigma, one.why, one.misses)
        for place, (_, one) in enumerate(ranked, 1)
    ]


def plainly(best: Advice, evidence: Evidence) -> str:
    """What the evidence says of the plain U-Net, without promises."""
    known = (
        "In U-Bench (arXiv 2510.07041) more than 80 % of 100 variants were not significantly "
        "better than the plain U-Net on images like those they were trained on"
    )
    ask = "napari-unet compare asks your own images."
    if best.misses:
        return (
            f"Nothing that was tried keeps the limits; the first of the list comes nearest. {ask}"
        )
    if evidence.get(best.candidate.network) == "better":
        return f"Your comparison is the evidence for {best.candidate.network}. {known}."
    if best.candidate.network != PLAIN:
        return f"Only the limits speak against the plain U-Net. {known}. {ask}"
    if evidence and "better" not in evidence.values():
        return f"{known}, and your comparison shows none that is: the plain U-Net is as good."
    return (
        f"Nothing here speaks for another network than the plain U-Net. {known}: without evidence "
        f"from your own images take it as being as good. {ask}"
    )


def _judged(
    candidate: Candidate, features: Features, device: str, evidence: Evidence
) -> tuple[float, str, str]:
    """Preference (more is better), why this network, why this width."""
    name, width = candidate.network, candidate.arguments.get("width")
    said = evidence.get(name)
    if name != PLAIN:
        field = registry.geometry(name, candidate.arguments).receptive_field[0]
        value, why = _variant(name, said, features, field)
        return value, why, f"Width {width}, which the preset live takes for it."
    if candidate.arguments.get("depth") == 5:
        return 11, (
            f"The plain U-Net with five poolings sees 439 pixels: a tenth of the objects is more "
            f"than {features.large:.0f} pixels across, wider than what four poolings see (215)."
        ), f"Width {width}, as in the preset live."  # fmt: skip
    base = (
        "The plain U-Net: the reference that most variants do not beat, and the only one with "
        "general start weights"
    )
    if width == 16:
        return 10, f"{base}{_reach(features)}.", (
            "Width 16, the one that the start weights were made for; it learns in seconds."
        )  # fmt: skip
    if width == 32:
        value = 10.5 if device != "cpu" and hard(features) else 7
        return value, "The plain U-Net, larger and without start weights.", (
            "Width 32: "
            + (
                f"the contrast is weak ({features.contrast:.1f} standard deviations), so more "
                f"features may help, "
                if hard(features)
                else "there is a GPU to bear it, "
            )
            + "at four times the work."
        )  # fmt: skip
    return 8, "The plain U-Net, smaller and without start weights.", (
        f"Width {width}: a quarter of the work of width 16, for tight limits."
    )  # fmt: skip


def _reach(features: Features) -> str:
    """The objects and the gaps between them against the receptive field."""
    if features.large is None:
        return ""
    field = registry.geometry(PLAIN, registry.spec(PLAIN).live).receptive_field[0]
    needed = features.large + (features.gap or 0)
    verb = "enough" if needed <= field else "less than wished"
    return (
        f"; it sees {field} pixels, {verb} for nine of ten objects with the gap to the next "
        f"({needed:.0f})"
    )


def _variant(name: str, said: str | None, features: Features, field: int) -> tuple[float, str]:
    title = registry.spec(name).title
    if said == "better":
        return 12, f"{title} was significantly better than the plain U-Net in your comparison."
    if said == "worse":
        return 1, f"{title} was significantly worse than the plain U-Net in your comparison."
    if said == "none":
        return 5, f"{title} showed no significant difference to the plain U-Net in your comparison."
    if name == "attention_unet":
        return 6.5, (
            f"{title}: the foreground is small ({100 * features.foreground:.1f} % of the pixels), "
            f"for which gates were made; worth a comparison."
        )  # fmt: skip
    if features.large is not None and needs_reach(features) and field > features.large:
        return 6.5, f"{title} sees {field} pixels, as far as the large objects here need."
    return 6, f"{title}: small and cheap; not known to be better on such images."


def _patch_why(trial: Trial, features: Features) -> str:
    side, batch, why = patch(features)
    if trial.candidate.batch != batch:
        return f"{side} pixels, {trial.candidate.batch} tile(s) a step: more did not fit in memory."
    return why
