"""The choice follows from features, trials and limits; the plain U-Net unless something speaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_training

from napari_unet.advice.advising import advise, evidence_of
from napari_unet.advice.choosing import candidates, patch, plainly, rank, weight_sigma
from napari_unet.advice.features import Features
from napari_unet.advice.limits import Limits, parse_memory, shown_memory
from napari_unet.advice.trial import Candidate, Measured, Trial
from napari_unet.errors import UserError

USUAL = Features(
    images=10,
    planes=10,
    size=(512, 512),
    channels=1,
    kind="objects",
    classes=2,
    labelled=1.0,
    foreground=0.3,
    objects=100,
    diameter=20.0,
    large=40.0,
    thickness=15.0,
    irregularity=0.05,
    blur=3.0,
    contrast=2.0,
    gap=4.0,
    crowded=0.2,
)


def tried(features: Features, device: str = "cpu", evidence: Any = None) -> list[Trial]:
    """Trials whose memory and seconds grow with the width."""
    found = candidates(features, device, evidence or {}, given=device, precision="float32")
    return [measured(one) for one in found]


def measured(one: Candidate) -> Trial:
    width = int(one.arguments.get("width", 16))
    return Trial(
        one,
        Measured(
            parameters=width,
            step_seconds=width / 10,
            image_seconds=width / 100,
            memory=width * 10**8 * (2 if one.batch > 1 else 1),
            device=one.device,
            precision="float32",
        ),
    )


def best(features: Features, limits: Limits | None = None, device: str = "cpu") -> Any:
    return rank(tried(features, device), features, limits or Limits(), device, {})[0]


def test_the_plain_network_unless_something_speaks() -> None:
    found = best(USUAL)
    assert (found.candidate.network, found.candidate.arguments["width"]) == ("unet", 16)
    assert (found.candidate.tile, found.sigma, found.rank) == (192, 5.0, 1)
    assert "215 pixels, enough" in found.why["network"]
    assert "more than 80 % of 100 variants" in plainly(found, {})
    assert set(found.why) == {"network", "width", "patch", "sigma"}
    for sentence in found.why.values():
        assert sentence.endswith(".")
        assert "None" not in sentence


def test_limits_come_first() -> None:
    found = best(USUAL, Limits(seconds_per_image=0.1))
    assert found.candidate.arguments["width"] == 8
    ranked = rank(tried(USUAL), USUAL, Limits(memory=10), "cpu", {})
    assert all("takes" in one.misses and "memory" in one.misses for one in ranked)
    assert "Nothing that was tried keeps the limits" in plainly(ranked[0], {})


def test_a_trial_that_failed_is_last() -> None:
    trials = tried(USUAL)
    trials[0] = Trial(trials[0].candidate, failed="no memory")
    ranked = rank(trials, USUAL, Limits(), "cpu", {})
    assert ranked[-1].trial is trials[0]
    assert "could not be tried (no memory)" in ranked[-1].misses


def test_large_objects_need_reach_and_tiles() -> None:
    large = replace(USUAL, large=230.0, size=(1024, 1024))
    found = best(large)
    assert found.candidate.arguments["depth"] == 5
    assert found.candidate.tile > 192
    assert found.candidate.batch < 4
    assert "439" in found.why["network"]


def test_small_images_small_tiles() -> None:
    side, batch, why = patch(replace(USUAL, size=(100, 120)))
    assert (side, batch) == (96, 16)
    assert "no larger than 120" in why


def test_wider_only_where_it_may_pay() -> None:
    weak = replace(USUAL, contrast=0.5)
    assert best(weak, device="cuda").candidate.arguments["width"] == 32
    assert best(weak).candidate.arguments["width"] == 16
    assert best(USUAL, device="cuda").candidate.arguments["width"] == 16


def test_small_foreground_suggests_gates() -> None:
    found = tried(replace(USUAL, foreground=0.01))
    assert "attention_unet" in [t.candidate.network for t in found]
    assert "attention_unet" not in [t.candidate.network for t in tried(USUAL)]


def test_sigma_follows_the_gaps() -> None:
    assert weight_sigma(replace(USUAL, gap=8.0))[0] == 9
    assert weight_sigma(replace(USUAL, gap=1.0))[0] == 2
    assert weight_sigma(replace(USUAL, gap=None))[0] == 5
    assert weight_sigma(replace(USUAL, kind="classes"))[0] is None
    strokes = replace(
        USUAL, kind="scribbles", diameter=None, large=None, gap=None, thickness=None, blur=None
    )
    assert "None" not in " ".join(best(strokes).why.values())


def test_own_evidence_counts_most(tmp_path: Path) -> None:
    rows = [
        {"network": "unet", "verdict": None},
        {"network": "segnet", "verdict": "better"},
        {"network": "cmunext", "verdict": "worse"},
        {"network": "ulite", "verdict": "none"},
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"networks": [row | {"steps": 3} for row in rows]}))
    none, (note,) = evidence_of(tmp_path)
    assert none == {}
    assert "only 3 steps" in note
    path.write_text(json.dumps({"networks": [row | {"steps": 300} for row in rows]}))
    evidence, notes = evidence_of(tmp_path)
    assert notes == []
    assert evidence == {"segnet": "better", "cmunext": "worse", "ulite": "none"}
    ranked = rank(tried(USUAL, evidence=evidence), USUAL, Limits(), "cpu", evidence)
    assert [ranked[0].candidate.network, ranked[-1].candidate.network] == ["segnet", "cmunext"]
    assert "Your comparison is the evidence for segnet" in plainly(ranked[0], evidence)
    plain = best(USUAL)
    assert "your comparison shows none that is" in plainly(plain, {"ulite": "none"})
    with pytest.raises(UserError, match="no finished comparison"):
        evidence_of(tmp_path / "missing")
    others = [
        {"network": n, "verdict": "better", "steps": 300} for n in ("unet3d", "gone", "ulite")
    ]
    path.write_text(json.dumps({"networks": others}))
    evidence, (note,) = evidence_of(tmp_path)
    assert evidence == {"ulite": "better"}
    assert "gone, unet3d: left out" in note
    path.write_text(json.dumps({"networks": [row | {"steps": "many"} for row in rows]}))
    with pytest.raises(UserError, match="damaged"):
        evidence_of(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(UserError, match="damaged"):
        evidence_of(tmp_path)


def test_memory_is_saved_by_fewer_tiles() -> None:
    image, ids = small_training.discs(0, 200)
    found = advise(
        [image], [ids], kind="objects", limits=Limits(memory=16 * 10**8), trying=measured
    )
    first = found.choices[0]
    assert (first.candidate.arguments["width"], first.candidate.batch) == (16, 1)
    assert "more did not fit in memory" in first.why["patch"]
    assert json.loads(json.dumps(found.as_json()))["choices"][0]["within_limits"]


def test_numbers_are_checked() -> None:
    assert parse_memory("4GB") == 4 * 10**9
    assert parse_memory("2 GiB") == 2**31
    assert parse_memory("500m") == 5 * 10**8
    for text in ("", "much", "4 apples", "-1GB", "0"):
        with pytest.raises(UserError, match="is not understood"):
            parse_memory(text)
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match="no limit"):
            Limits(seconds_per_image=seconds)
    assert (shown_memory(1.26e9), shown_memory(8.5e8)) == ("1.3 GB", "850 MB")


def test_arrays_will_do() -> None:
    image, ids = small_training.discs(0, 64)
    found = advise([image], [(ids > 0).astype(np.uint8)], kind="classes", trying=measured)
    assert found.features.classes == 2
    assert found.choices[0].sigma is None
