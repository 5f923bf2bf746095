"""``napari-unet networks``."""

from __future__ import annotations

import json
from typing import Any

from napari_unet.cli.console import result
from napari_unet.networks import registry


def run_networks(name: str | None, *, as_json: bool) -> None:
    """Print the registry's facts; :class:`UserError` for a network that there is not."""
    rows = registry.facts(name)
    result(json.dumps(rows, indent=1) if as_json else "\n\n".join(_text(row) for row in rows))


def _text(row: dict[str, Any]) -> str:
    lines = [
        f"{row['name']}: {row['title']} ({row['paper']})",
        f"  {row['when']}",
        f"  works in           {' and '.join(f'{d}D' for d in row['dims'])}",
        f"  receptive field    {' x '.join(map(str, row['receptive_field']))} pixels{_beyond(row)}",
        f"  total stride       {' x '.join(map(str, row['stride']))} pixels",
        f"  tiles are exact    {'yes' if row['tile_exact'] else 'no (overlaps are blended)'}",
    ]
    if row["parameters"] is not None:  # as it is of networks that other packages add
        at = row["at"]
        lines[3:3] = [
            f"  parameters         {row['parameters']:,}",
            f"  multiply-adds      {row['macs'] / 1e9:.1f} billion",
            f"  training step      {row['step_memory'] / 2**20:,.0f} MiB (float32, one image)",
        ]
        lines.append(
            f"  figures hold for   width {at['width']}, {at['channels']} channel(s), "
            f"{at['classes']} classes, {' x '.join(map(str, at['size']))} pixels"
        )
        live = [one for one in row["recipes"] if one["recipe"] == "live"]
        sizes = ", ".join(f"{one['parameters']:,} parameters in {one['dims']}D" for one in live)
        lines.append(f"  the recipe live    trains a small one: {sizes}")
    return "\n".join(lines)


def _beyond(row: dict[str, Any]) -> str:
    """Norms over space and attention look at all that the network is given at once."""
    return "" if row["tile_exact"] else " by its convolutions; all of a piece has some say"
