"""Comparing two probabilities, and saying so."""

from __future__ import annotations

import json

import numpy as np

from napari_unet.evaluation.parity import certificate, compare, format_certificate, number, summary


def likely(seed: int = 0) -> np.ndarray:
    first = np.random.default_rng(seed).random((8, 9)).astype(np.float32)
    return np.stack([first, 1 - first])


def test_what_is_equal_and_what_is_not() -> None:
    assert compare("same", likely(), likely(), 0.0).passed
    nudged = likely() + np.float32(5e-5)
    near = compare("near", likely(), nudged, 1e-4)
    assert near.passed
    assert near.pixels == 0
    far = compare("far", likely(), likely(1), 1e-4)
    assert not far.passed
    assert far.pixels == ((likely() > 0.5) != (likely(1) > 0.5)).sum() / 2
    assert compare("told only", likely(), likely(1), None).passed


def test_sizes_and_nan_fail() -> None:
    other = compare("sizes", likely(), likely()[:, :4], 1.0)
    assert not other.passed
    assert "sizes differ" in other.note
    broken = likely()
    broken[0, 2, 3] = np.nan
    check = compare("nan", likely(), broken, 1.0)
    assert not check.passed
    assert json.dumps(check.as_dict(), allow_nan=False)


def test_the_certificate_in_words() -> None:
    good = [compare("a", likely(), likely(), 1e-4), compare("b", likely(), likely(1), None)]
    found = certificate(good, model="m.unet", shape=[8, 9], versions={"torch": "2"})
    assert found["passed"]
    text = format_certificate(found)
    assert "8 x 9" in text
    assert "for information" in text
    assert text.endswith("All 1 checks passed; the greatest difference of two probabilities is 0.")
    bad = certificate([*good, compare("c", likely(), likely(1), 1e-4)])
    assert not bad["passed"]
    assert "FAILED" in format_certificate(bad)
    assert summary(bad) == "1 of 3 checks failed: c."
    assert number(None) == "no number"
    assert number(2.44e-7) == "2.4e-07"
