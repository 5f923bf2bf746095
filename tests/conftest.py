"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before torch is imported: threads that sleep while they wait keep the suite short beside engines.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Tests depend on no timing, and leave nothing in the user's cache.
os.environ["NAPARI_UNET_SPEED"] = "off"

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images beside the repository; tests that need it skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real images (../shared/data) are not beside this checkout")
    return SHARED_DATA
