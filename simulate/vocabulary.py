"""The words of the shop: what its columns can say, and names from Faker."""

from __future__ import annotations

from dataclasses import dataclass

from faker import Faker

PAGE_TYPES = ("home", "search", "category_listing", "product_detail", "cart", "checkout", "confirmation")
HOME, SEARCH, LISTING, DETAIL, CART, CHECKOUT, CONFIRMATION = range(len(PAGE_TYPES))

STATUSES = ("browsed", "abandoned", "converted")
BROWSED, ABANDONED, CONVERTED = range(len(STATUSES))

REFERRERS = ("direct", "email", "social", "search_engine", "affiliate")
DEVICES = ("mobile", "desktop", "tablet")
SYSTEMS = ("iOS", "Android", "Windows", "macOS")
BROWSERS = ("Chrome", "Safari", "Firefox", "Edge")
PAYMENTS = ("credit_card", "paypal", "bank_transfer", "gift_card", "crypto", "apple_pay")
ORDER_STATUSES = ("completed", "processing", "shipped", "delivered")

CATEGORY_NAMES = (
    "Electronics", "Books", "Kitchen", "Garden", "Toys", "Shoes", "Women's Clothing", "Men's Clothing", "Beauty",
    "Sports", "Outdoor", "Furniture", "Lighting", "Office", "Pet Supplies", "Baby", "Grocery", "Health", "Jewellery",
    "Watches", "Music", "Games", "Tools", "Automotive", "Travel", "Bath", "Bedding", "Cameras", "Computers", "Phones",
    "Crafts", "Cycling", "Fitness", "Stationery", "Art",
)  # fmt: skip

SUBCATEGORY_NAMES = (
    "Essentials", "Premium", "Sale", "New Arrivals", "Accessories", "Gifts", "Outlet", "Classics", "Sets", "Spare Parts",
)  # fmt: skip

# Each place: country, state or region, and its weight, about its share of the shop's people.
PLACES = (
    ("US", "CA", 11.7), ("US", "TX", 9.1), ("US", "FL", 6.8), ("US", "NY", 5.8), ("US", "PA", 3.9), ("US", "IL", 3.7),
    ("US", "OH", 3.5), ("US", "GA", 3.3), ("US", "NC", 3.2), ("US", "MI", 3.0), ("US", "NJ", 2.8), ("US", "VA", 2.6),
    ("US", "WA", 2.3), ("US", "AZ", 2.2), ("US", "TN", 2.1), ("US", "MA", 2.1), ("US", "IN", 2.0), ("US", "MO", 1.8),
    ("US", "MD", 1.8), ("US", "CO", 1.7), ("US", "WI", 1.7), ("US", "MN", 1.7), ("US", "SC", 1.6), ("US", "AL", 1.5),
    ("US", "LA", 1.3), ("US", "OR", 1.2), ("US", "OK", 1.2), ("US", "UT", 1.0), ("US", "NV", 1.0), ("US", "IA", 0.9),
    ("CA", "ON", 3.0), ("CA", "QC", 1.6), ("CA", "BC", 1.2), ("CA", "AB", 0.9), ("GB", "ENG", 3.2), ("GB", "SCT", 0.5),
    ("DE", "NW", 0.9), ("DE", "BY", 0.8), ("FR", "IDF", 0.8), ("AU", "NSW", 0.8),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    city: str
    state: str
    country: str


class Vocabulary:
    """Names drawn from Faker in a fixed order by its own seed."""

    def __init__(self, seed: int) -> None:
        self._faker = Faker("en_US")
        self._faker.seed_instance(seed)

    def cities(self, count: int) -> list[str]:
        return [self._faker.city() for _ in range(count)]

    def product_names(self, count: int) -> list[str]:
        return [self._faker.catch_phrase().title() for _ in range(count)]

    def companies(self, count: int) -> list[str]:
        return [self._faker.company() for _ in range(count)]

    def businesses(self, count: int) -> list[str]:
        return [self._faker.bs() for _ in range(count)]

    def places(self, count: int) -> list[Place]:
        """Returns places whose city, state and country have nothing to do with each other."""
        fake = self._faker
        return [Place(city=fake.city(), state=fake.state_abbr(), country=fake.country_code()) for _ in range(count)]
