"""Stock: what was there at first, what was sold, what is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulate.catalogue import NEVER, Catalogue
from simulate.names import product_ids
from simulate.seeds import IntArray, stream
from simulate.settings import ShopSettings

_COVER_DAYS = 30.0  # median days of sales that the remaining stock would last
_COVER_SIGMA = 1.0
_SAFETY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """Units of each product: `opening` before the window, `sold` in it, and `left`, which is what the export says."""

    opening: IntArray
    sold: IntArray
    left: IntArray

    def table(self) -> pa.Table:
        return pa.table(
            {
                "product_id": product_ids(np.arange(len(self.left))),
                "opening_stock": pa.array(self.opening),
                "units_sold": pa.array(self.sold),
                "current_stock": pa.array(self.left),
            }
        )


def realistic_stock(settings: ShopSettings, catalogue: Catalogue, sold: IntArray) -> Stock:
    """Returns stock ordered by expected sales: days of cover are log-normal, and what sold out has nothing left."""
    rng = stream(settings.seed, "stock")
    per_day = (sold + 0.5) / settings.days
    cover = _COVER_DAYS * rng.lognormal(0, _COVER_SIGMA, catalogue.size)
    left = np.ceil(per_day * cover + rng.integers(0, _SAFETY, catalogue.size)).astype(np.int64)
    left[catalogue.sold_out < NEVER] = 0
    return Stock(opening=sold + left, sold=sold, left=left)
