"""What only a person can tell of a model that is passed on. Free of torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from napari_unet.errors import UserError
from napari_unet.model.header import Header
from napari_unet.networks import registry

UNET_2015 = {
    "text": "Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation. MICCAI 2015.",
    "doi": "10.1007/978-3-319-24574-4_28",
}


@dataclass(frozen=True)
class About:
    """Name, authors and terms of a model.

    ``license`` is an SPDX identifier, ``cite`` are DOIs beside those of the network. Raises
    :class:`UserError` for what the model zoo would refuse.
    """

    name: str
    authors: tuple[str, ...] = ()
    license: str = "CC-BY-4.0"
    description: str = ""
    cite: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w+() -]{5,128}", self.name, re.ASCII):
            raise UserError(
                f"The name {self.name!r} will not do for a model: give one of 5 to 128 letters, "
                f"digits, spaces or _+-()."
            )
        for author in self.authors:
            if not author.strip() or "/" in author or "\\" in author:
                raise UserError(f"The author {author!r} will not do: give a name without slashes.")
        for doi in self.cite:
            if not is_doi(doi):
                raise UserError(f"{doi!r} is no DOI: give one like {UNET_2015['doi']}.")


def default_name(stem: str) -> str:
    """A name that the model zoo accepts, from that of a file."""
    name = re.sub(r"[^\w+() -]", "-", stem, flags=re.ASCII)[:120]
    return name if len(name) >= 5 else f"{name} U-Net"


def is_doi(text: str) -> bool:
    return re.fullmatch(r"10\.\d+/\S+", text) is not None


def citations(header: Header, more: tuple[str, ...]) -> list[dict[str, str]]:
    """U-Net 2015, the paper of the network (an arXiv number or a DOI) and ``more`` DOIs."""
    found = [UNET_2015]
    network = registry.spec(header.network)
    doi = network.paper.removeprefix("https://doi.org/").removeprefix("doi:").strip()
    if doi.lower().startswith("arxiv:"):
        doi = f"10.48550/arXiv.{doi[6:].strip()}"
    if is_doi(doi) and not doi.endswith("1505.04597"):
        found.append({"text": network.title, "doi": doi})
    return found + [{"text": "On this model", "doi": doi} for doi in more]


def sentence(header: Header, about: About) -> str:
    """What the model does, in a sentence."""
    classes = ", ".join(c.name for c in header.classes[1:])
    network = registry.spec(header.network)
    return about.description or f"Segments {classes} in {header.dims}D images ({network.title})."
