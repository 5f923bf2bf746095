"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before torch is imported: threads that sleep while they wait keep the suite short beside engines.
os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
# Tests depend on no timing, and leave nothing in the user's cache.
os.environ["NAPARI_UNET_SPEED"] = "off"

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images beside the repository; tests that need it skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real images (../shared/data) are not beside this checkout")
    return SHARED_DATA


@pytest.fixture
def fewer_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread of two is taken, as after a training beside other programs."""
    import torch

    from napari_unet.speed import choosing

    before = torch.get_num_threads()
    monkeypatch.setattr(choosing, "threads", lambda: 2)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of the mark ``gpu`` skip where there is none; torch is imported for them only."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device, and torch finds none here")
