"""What a simulated shop is asked to be: sizes, span, profile, defects and the form of its files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from runner.errors import NotFoundError, ProjectError
from simulate.defects import Defect, check_format

Profile = Literal["realistic", "uniform"]
FileFormat = Literal["json", "parquet"]
Layout = Literal["line", "indented", "lines"]

PROFILES: tuple[Profile, ...] = ("realistic", "uniform")
FILE_FORMATS: tuple[FileFormat, ...] = ("json", "parquet")
LAYOUTS: tuple[Layout, ...] = ("line", "indented", "lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSettings:
    """The shop to simulate. The same settings always give the same bytes.

    Attributes:
        sessions: how many sessions to write.
        orders: the target for orders, linked and standalone together; a quarter of the sessions unless given.
        users: people with an account; a tenth of the sessions, 20 to 10,000, unless given.
        products: size of the catalogue; a fortieth of the sessions, 100 to 5,000, unless given.
        days: length of the window, which begins at midnight of `start` (UTC).
        seed: any integer of 0 or more.
        profile: "realistic", or "uniform" (the distributions of the public course generator).
        defects: faults to plant; the truth about them is written beside the data.
        format: "json" or "parquet".
        layout: for JSON: one array on one line, an indented array, or one object per line.
        sessions_per_file: sessions in each `sessions_<n>` file.

    Raises:
        ProjectError: a size that no shop can have, or a word that is no choice.
    """

    sessions: int = 20_000
    orders: int | None = None
    users: int | None = None
    products: int | None = None
    categories: int = 25
    days: int = 90
    start: date = date(2025, 1, 1)
    seed: int = 1
    profile: Profile = "realistic"
    defects: tuple[Defect, ...] = ()
    format: FileFormat = "json"
    layout: Layout = "line"
    sessions_per_file: int = 100_000

    def __post_init__(self) -> None:
        _check_choice("profile", self.profile, PROFILES)
        _check_choice("format", self.format, FILE_FORMATS)
        _check_choice("layout", self.layout, LAYOUTS)
        _check_range("sessions", self.sessions, 1, 100_000_000)
        _check_range("orders", self.order_target, 0, 4 * self.sessions)
        _check_range("users", self.user_count, 1, 900_000)
        _check_range("products", self.product_count, 10, 100_000)
        _check_range("categories", self.categories, 1, min(1_000, self.product_count))
        _check_range("days", self.days, 1, 3_650)
        _check_range("seed", self.seed, 0, 2**63)
        _check_range("sessions_per_file", self.sessions_per_file, 1, 10_000_000)
        if not 1970 <= self.start.year <= 2200:
            raise ProjectError(f"simulate: start {self.start} is no date for a shop. Give one from 1970 to 2200.")
        check_format(self.defects, self.format)

    @property
    def order_target(self) -> int:
        return self.sessions // 4 if self.orders is None else self.orders

    @property
    def user_count(self) -> int:
        return min(10_000, max(20, self.sessions // 10)) if self.users is None else self.users

    @property
    def product_count(self) -> int:
        return min(5_000, max(100, self.sessions // 40)) if self.products is None else self.products

    @property
    def start_second(self) -> int:
        """The window's first second since 1970, UTC."""
        return int((datetime(self.start.year, self.start.month, self.start.day) - datetime(1970, 1, 1)).total_seconds())

    @property
    def span_seconds(self) -> int:
        return self.days * 86_400

    @property
    def end_second(self) -> int:
        """The first second after the window."""
        return self.start_second + self.span_seconds

    @property
    def end(self) -> date:
        """The first day after the window."""
        return self.start + timedelta(days=self.days)

    def defect(self, name: str) -> Defect | None:
        """Returns the planted defect of that name, or None."""
        return next((defect for defect in self.defects if defect.name == name), None)

    def rate(self, name: str) -> float:
        """Returns the rate of that defect, 0 where it is not planted."""
        defect = self.defect(name)
        return defect.rate if defect else 0.0


def _check_choice(what: str, word: str, known: Iterable[str]) -> None:
    options = tuple(known)
    if word not in options:
        listed = ", ".join(options)
        raise NotFoundError(f'simulate: {what} "{word}" is none of {listed}.', name=word, known=options)


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ProjectError(f"simulate: {what} is {value}. Give a number from {low} to {high}.")
