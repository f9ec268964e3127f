"""Every cause that a check can name: one table, in the order in which causes explain each other.

A cause is a short phrase that never changes, so that reports, history and scores can count by it. Its place in `CAUSES`
is its rank: of all flagged checks of a table, the cause that stands first is the verdict, and what it explains is listed
below it. The first five and the last are in the order of the data's specification: field names, span, average, clock,
and last of all the looks of generated data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEAD = "field names in the loader"
SPAN = "first-to-last span over the window"
AVERAGE = "per-user average"
QUANTISED = "rounded or quantised clock"
NO_ROWS = "an empty table"
DATE_FIELD = "grouped by a field that does not exist"
UNIT = "another unit than its name says"
TIME_ZONE = "times of another time zone"
LANDED_TWICE = "rows landed twice"
VERSIONS = "several versions of one row"
DUPLICATES = "duplicate keys"
PER_USER = "one row per user"
NOTHING = "nothing matches"
CUT_OFF = "cut off in time"
GAP = "a gap in time"
CUT_AND_MORE = "a cut or a gap in time, and loss besides"
RANDOM = "random loss, spread over the window"
CHANGING = "a loss that changes over time"
UNDATED = "a loss at unknown times"
ORPHANS = "orphan keys"
DAYS_MISSING = "dates are missing"
ROWS_LOST = "rows lost or repeated"
MISSING_IN_SLICE = "values missing in one slice"
MISSING = "missing values"
PLACEHOLDER = "a placeholder instead of a value"
SIGN = "the wrong sign"
SPELLING = "another spelling of known values"
UNKNOWN_VALUES = "unknown values"
OWN_TIMES = "rows that contradict their own times"
CLUSTERED_SLICE = "one slice's values packed into a narrow band"
SHIFTED_SLICE = "one slice on another scale"
CLUSTERED = "values packed into a narrow band"
CAPPED = "a default or capped value"
OTHER_QUANTITY = "another quantity than its source"
CUTS = "fixed cuts outside the data"
ONE_SEGMENT = "one segment holds nearly all"
FUNNEL_UNITS = "stages of different units, or in another order"
FUNNEL_ORDERS = "the last stage counts something else than orders"
CONSTANT_SERIES = "a constant series"
RENAMED = "a field under a new name"
UNDECLARED = "fields outside the contract"
STORE = "landed rows that are not those of the store"
CONTRACT = "records that break the contract of sources.yml"
RECONCILE = "figures that do not reconcile"
RULE = "rows that break a rule"
SHARE = "a share outside its limits"
STALE = "data that stopped arriving"
TREND = "a break with the table's own history"
OUTSIDE = "values outside their limits"
FIGURE = "a figure outside its limits"
EXPECTATION = "the expectation itself"
PAIR_GRAIN = "pairs of users, not of baskets"
MIRRORED = "pairs in both orders"
CHANCE = "pairs that chance explains"
NO_SIGNAL = "a ranking without signal"
MIXED = "two populations mixed"
GENERATED = "looks generated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause.

    Attributes:
        id: its name for machines and links; letters and hyphens.
        phrase: what results carry.
        explanation: what has happened, for someone who meets it first.
        what_to_do: the way out where the check itself says nothing more precise.
        explains: what it also makes fail: numbers of data checks (`D4`) or types of expectations.
    """

    id: str
    phrase: str
    explanation: str
    what_to_do: str
    explains: frozenset[str] = frozenset()


_KEYS = frozenset({"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"})
_SUMS = frozenset({"D16", "expect_tables_to_reconcile", "expect_table_row_count_to_be_between"})
_VALUES = frozenset(
    {
        "expect_column_values_to_be_between",
        "expect_column_mean_to_be_between",
        "expect_column_median_to_be_between",
        "expect_column_quantile_values_to_be_between",
        "expect_column_max_to_be_between",
        "expect_column_min_to_be_between",
        "expect_column_sum_to_be_between",
    }
)


def _cause(identity: str, phrase: str, explanation: str, what_to_do: str, *explains: str) -> Cause:
    return Cause(
        id=identity, phrase=phrase, explanation=explanation, what_to_do=what_to_do, explains=frozenset(explains)
    )


CAUSES: tuple[Cause, ...] = (
    _cause(
        "field-names",
        DEAD,
        'A loader or a model reads a field that the records do not have. Such a path becomes null, 0 or "" without a '
        "word, in every row.",
        "Compare the field names that the loader or the model reads with those in the records.",
        *("D2", "D3", "D4", "D5", "D6", "D7", "D8", "D10", "D10b", "D11", "D12", "D16", "nulls", "unit"),
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_exist_in",
    ),
    _cause(
        "span",
        SPAN,
        "Each value is the time from a user's first to last event over all days, not the length of one session.",
        "Compute it per session (ended_at - started_at), or name it for what it is: the span of a user's activity.",
        *("D1", "D2", "D3", "D4", "D7", "D8", "D9", "unit"),
        *_VALUES,
    ),
    _cause(
        "average",
        AVERAGE,
        "The values were averaged per user before they were stored, which hides how they spread.",
        "Keep one row per session, and average last.",
        *("D1", "D2", "D4", "D7", "D8", "D9"),
    ),
    _cause(
        "clock",
        QUANTISED,
        "A measured quantity takes only a few values: its clock is rounded, truncated, or ticks coarsely.",
        "Check how the time is measured: a clock of whole minutes, a rounded or truncated timestamp.",
        *("D2", "D4", "D5", "D6", "D7"),
    ),
    _cause(
        "no-rows",
        NO_ROWS,
        "The table has no rows at all.",
        "Look at the model's filters and inner joins, and whether its sources were landed.",
        *("D1", "D2", "D10", "D14", "D16"),
        *_SUMS,
    ),
    _cause(
        "date-field",
        DATE_FIELD,
        "All rows, or many, fall on one null date: the field that they are grouped by is not there.",
        "Check the name of the date field that the rows are grouped by.",
        "D16",
        "D12",
        "expect_tables_to_reconcile",
    ),
    _cause(
        "unit",
        UNIT,
        "The values are a constant factor (1,000, 60, 100, …) away from what the column's name or its source promises.",
        "Convert the column where it is read, or name its true unit.",
        *("D2", "D3", "D4", "unit"),
        *_VALUES,
        "expect_slices_not_to_be_clustered",
        "expect_tables_to_reconcile",
    ),
    _cause(
        "time-zone",
        TIME_ZONE,
        "Two times that belong together are whole hours apart: one of them is in another time zone.",
        "Land all times as UTC; convert local times with their own zone.",
        "D2",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_rows_to_satisfy",
    ),
    _cause(
        "landed-twice",
        LANDED_TWICE,
        "Rows with one key are the same in all their columns: the same records were read twice.",
        "Keep one row per key in staging, and look for a batch or page that was landed twice.",
        "D1",
        *_KEYS,
        *_SUMS,
    ),
    _cause(
        "versions",
        VERSIONS,
        "Rows with one key differ in other columns: several versions of a record, or a join that multiplies rows.",
        "Keep the newest version per key, or group by the whole key before the join.",
        "D1",
        *_KEYS,
        *_SUMS,
    ),
    _cause(
        "duplicate-keys",
        DUPLICATES,
        "A key that names one row names several.",
        "Look for rows landed twice, or a join that repeats rows; keep the newest row per key in staging.",
        "D1",
        *_KEYS,
        *_SUMS,
    ),
    _cause(
        "per-user",
        PER_USER,
        "The table has a row for each user where one for each session was promised.",
        "Group by session_id, not by user_id.",
        "D1",
    ),
    _cause(
        "nothing-matches",
        NOTHING,
        "No row finds its match in the other store: the keys have another form, or one side was never landed.",
        "Compare keys of both sides letter by letter.",
        *("D14", "D16"),
    ),
    _cause(
        "cut-off",
        CUT_OFF,
        "Everything after (or before) one moment has no match: writing stopped, or the stores were landed apart.",
        "Land both stores at one moment; if the gap stays, find what stopped.",
        "D14",
        "D16",
    ),
    _cause("gap", GAP, "Nothing was kept for a time.", "Find what failed then, and land those days again.", "D16"),
    _cause(
        "cut-and-loss",
        CUT_AND_MORE,
        "Two things at once: writing stopped for a time, and single rows are lost besides.",
        "Land both stores at one moment and find what stopped; then look at the rows that are lost one by one.",
        "D16",
    ),
    _cause(
        "random-loss",
        RANDOM,
        "Rows without a match are spread as evenly over time as all others: each was lost by itself.",
        "Look for writes that fail, and in quarantine.",
        "D16",
    ),
    _cause(
        "changing-loss",
        CHANGING,
        "Rows without a match are spread over time, but more of them in one part than in another.",
        "Compare the share without a match by day, then by device and referrer.",
        "D16",
    ),
    _cause(
        "undated-loss",
        UNDATED,
        "Rows without a match have no times, so a cut cannot be told from random loss.",
        "Mend the times first.",
        "D16",
    ),
    _cause(
        "orphans",
        ORPHANS,
        "Rows carry keys that the table they point to does not have.",
        "Land both tables at one moment; if the other one is complete, its records were lost or never there.",
        "expect_column_values_to_exist_in",
        "D14",
    ),
    _cause(
        "missing-days",
        DAYS_MISSING,
        "Whole days have no rows.",
        "Find what failed on those days, and land them again.",
        "D16",
        "expect_tables_to_reconcile",
    ),
    _cause(
        "rows-lost",
        ROWS_LOST,
        "There are more or fewer rows than what they stand for: a join drops or multiplies them.",
        "Count rows before and after each join, and test its key for uniqueness.",
        "D1",
        *_SUMS,
    ),
    _cause(
        "missing-in-slice",
        MISSING_IN_SLICE,
        "Values are missing in one part of the rows and there elsewhere: one client, one store or some days.",
        "Ask what changed there: a release, another field name, a failed load.",
        "expect_column_values_to_not_be_null",
        "nulls",
        "D10",
    ),
    _cause(
        "missing",
        MISSING,
        "Rows have no value where each should have one.",
        "Find where they are lost: a join without a match, or a field that the source does not fill.",
        "nulls",
    ),
    _cause(
        "placeholder",
        PLACEHOLDER,
        "One value that stands for nothing (-1, 0, 9999, 1970-01-01) is what breaks the limits.",
        "Turn the placeholder into null where the column is read.",
        *_VALUES,
        "D3",
        "D5",
    ),
    _cause(
        "sign",
        SIGN,
        "Values that are negative would be in their limits without the sign.",
        "Find what writes them: refunds booked as orders, or a difference taken the wrong way round.",
        *_VALUES,
    ),
    _cause(
        "spelling",
        SPELLING,
        "Unknown values are known ones in capitals, or with blanks around them.",
        "Trim and lower the column in staging.",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_exist_in",
    ),
    _cause(
        "unknown-values",
        UNKNOWN_VALUES,
        "Values occur that the list of accepted ones does not have.",
        "Add the values to the accepted ones if they are right; map or mend them in staging if not.",
    ),
    _cause(
        "own-times",
        OWN_TIMES,
        "A duration is not the time between the row's own start and end.",
        "Derive it from the row's times, or find what writes it.",
        "D2",
        "expect_rows_to_satisfy",
    ),
    _cause(
        "default",
        CAPPED,
        "One value has a great share of all rows: a default, a cap or a time-out writes it.",
        "Find where the value is set, and keep it apart from measured ones.",
        *("D2", "D4", "D5", "D7"),
    ),
    _cause(
        "packed-slice",
        CLUSTERED_SLICE,
        "In one part of the rows (a device, some days) nearly all values lie in one narrow band.",
        "Ask what changed there: a release of its client, a timer, a default that replaces the measured value.",
        *("D2", "D4", "D5", "D7"),
    ),
    _cause(
        "shifted-slice",
        SHIFTED_SLICE,
        "In one part of the rows the median is many times that of all others, as another unit makes it.",
        "Check the unit and the meaning of the column there (seconds, milliseconds).",
        *("D2", "D3", "D4", "unit"),
        *_VALUES,
    ),
    _cause(
        "packed",
        CLUSTERED,
        "Nearly all values lie in one narrow band, where a real quantity spreads over an order of magnitude.",
        "Check what one row stands for (grain) and how the value is measured.",
        *("D4", "D7"),
    ),
    _cause(
        "other-quantity",
        OTHER_QUANTITY,
        "The column's distribution is not that of the source that it is said to come from.",
        "Derive it from its source row by row, in the same unit.",
        "D2",
    ),
    _cause(
        "cuts",
        CUTS,
        "Segments are cut at values that (nearly) all rows lie above, or below.",
        "Cut at quantiles of the data, or show where each fixed cut lies in the distribution.",
        "D11",
    ),
    _cause(
        "one-segment",
        ONE_SEGMENT,
        "One segment holds nearly all rows, so the segmentation tells nothing apart.",
        "Cut at quantiles of the data.",
        "D11",
        "D12",
    ),
    _cause(
        "pair-grain",
        PAIR_GRAIN,
        "Pairs are counted in users who ever bought both, however far apart, where baskets are meant.",
        "Count baskets that hold both products.",
        "D13",
        "expect_rows_to_satisfy",
    ),
    _cause(
        "mirrored-pairs",
        MIRRORED,
        "Each pair stands there twice, once in each order, so all counts and ranks are double.",
        "Keep each pair once, the lesser id first.",
        "D13",
        "expect_rows_to_satisfy",
    ),
    _cause(
        "funnel-units",
        FUNNEL_UNITS,
        "A later stage has more than an earlier one: they count different things, or stand in another order.",
        "Count one unit throughout: sessions that reached at least this stage.",
        "D14",
    ),
    _cause(
        "funnel-orders",
        FUNNEL_ORDERS,
        "The last stage is not the number of orders: confirmation pages are no purchases.",
        "Take purchases from orders.",
        "D14",
    ),
    _cause(
        "constant-series",
        CONSTANT_SERIES,
        "A figure is the same on every date.",
        "Look at what the figure is aggregated from.",
        "D16",
    ),
    _cause(
        "renamed-field",
        RENAMED,
        "A field that the contract names is missing where the records have one with a similar name.",
        "Give the column the new name as an alias in sources.yml.",
        "contract",
        "nulls",
    ),
    _cause(
        "undeclared-fields",
        UNDECLARED,
        "Records hold fields that sources.yml does not name; their values are kept aside.",
        "Declare the fields that are wanted.",
        "contract",
    ),
    _cause(
        "store",
        STORE,
        "The store holds other records than those that landed of it.",
        "Land the table again, all of it, and ask why records were lost or changed.",
        "expect_rows_to_be_matched",
    ),
    _cause(
        "contract",
        CONTRACT,
        "Records could not be read as sources.yml says, and were put aside.",
        "Look at the reasons in the quarantine table; mend the contract or the source.",
    ),
    _cause(
        "reconcile",
        RECONCILE,
        "One figure, computed in two places, is not the same.",
        "Compare the filters and joins of both sides, then the rows of one group that differs.",
        "D16",
        "expect_tables_to_reconcile",
    ),
    _cause(
        "rule",
        RULE,
        "Rows break a condition that the suite states.",
        "Look at the failing rows; mend the model's SQL, or the source where the rows came in so.",
    ),
    _cause(
        "share",
        SHARE,
        "The share of rows that satisfy a condition left its limits.",
        "Find when the share changed: compare it by day, then by referrer or device.",
    ),
    _cause(
        "stale",
        STALE,
        "The newest row, or the last landing, is older than the suite or sources.yml allows.",
        "See whether the source still writes, and whether it was landed (run source freshness).",
    ),
    _cause(
        "trend",
        TREND,
        "A figure is far from what the table's earlier versions make likely.",
        "Compare with the last good version: what changed in the source or in the SQL?",
    ),
    _cause(
        "outside",
        OUTSIDE,
        "Values lie outside the limits that the suite gives, and neither unit, sign nor a placeholder explains them.",
        "Look at the failing rows; mend the SQL or the source.",
    ),
    _cause(
        "figure",
        FIGURE,
        "A figure of the whole table lies outside the limits that the suite gives.",
        "Compare with the last good version: what changed in the source or in the SQL?",
    ),
    _cause(
        "expectation",
        EXPECTATION,
        "The expectation could not be judged: what it names does not fit the table.",
        "Mend the suite: the expectation's column, condition or arguments.",
    ),
    _cause(
        "chance-pairs",
        CHANCE,
        "No pair occurs more often than chance makes some of so many pairs occur.",
        "Recommend by something else, or wait for more orders: high lift at tiny counts is noise.",
        "D13",
    ),
    _cause(
        "no-signal",
        NO_SIGNAL,
        "The groups of a ranking differ by no more than chance makes them differ.",
        "Read no order into these groups.",
        "D12",
    ),
    _cause(
        "mixed",
        MIXED,
        "Groups that are compared by a mean hold different mixtures of two populations.",
        "Compare within one population.",
        "D15",
    ),
    _cause(
        "generated",
        GENERATED,
        "Values have no long tail, users do not differ, or all values are equally frequent: drawn, not lived.",
        "Expected of simulated data. In real data, look for a cap, a filter, or a stand-in that replaced the source.",
        *("D6", "D7", "D8"),
    ),
)

BY_PHRASE: Mapping[str, Cause] = {cause.phrase: cause for cause in CAUSES}
_RANK: Mapping[str, int] = {cause.phrase: place for place, cause in enumerate(CAUSES)}
UNNAMED = len(CAUSES)


def rank(phrase: str) -> int:
    """Returns a cause's place in the order; `UNNAMED`, the last, for none."""
    return _RANK.get(phrase, UNNAMED)


def advice(phrase: str) -> str:
    """Returns what to do about a cause; empty for none."""
    return BY_PHRASE[phrase].what_to_do if phrase in BY_PHRASE else ""
