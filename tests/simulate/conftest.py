"""Small shops, generated once for the run of tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop_files import ShopFiles, read_shop

from simulate.settings import ShopSettings
from simulate.shop import generate


@pytest.fixture(scope="session")
def realistic(tmp_path_factory: pytest.TempPathFactory) -> ShopFiles:
    """A realistic shop of 20,000 sessions."""
    return _shop(tmp_path_factory.mktemp("realistic"), ShopSettings())


@pytest.fixture(scope="session")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> ShopFiles:
    """A uniform shop of 20,000 sessions with as few products for them as at the reported size."""
    return _shop(tmp_path_factory.mktemp("uniform"), ShopSettings(profile="uniform", products=50))


def _shop(folder: Path, settings: ShopSettings) -> ShopFiles:
    generate(folder, settings=settings)
    return read_shop(folder)
