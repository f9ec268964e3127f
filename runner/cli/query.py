"""`run query`: what an engineer asks MongoDB and HBase directly, with the plan of each answer. No Spark, no landing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, project_options, say, status
from runner.errors import ProjectError, did_you_mean

if TYPE_CHECKING:
    import happybase

    from stores.queries.answer import Answer
    from stores.queries.orders import Shop
    from stores.queries.window import Window


class _Queries(click.Group):
    """Names the nearest query where there is none of a name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(f'there is no query "{args[0]}".{did_you_mean(args[0], self.commands)}')
        return super().resolve_command(ctx, args)


@click.group("query", cls=_Queries, short_help="Ask MongoDB or HBase directly, and see how they answer.")
def query_command() -> None:
    """Ask the target's MongoDB or HBase directly, as they are now. Starts no Spark and lands nothing.

    \b
    run query top-products --from 2026-01-01 --limit 5 --target stores
    run query user-sessions user_000042 --from 2026-01-31 --target stores
    run query sessions-by conversion_status=converted device_type=mobile --explain --target stores

    Rows go to stdout; why it was fast, or why not, and what to know of the rows go to stderr.
    """


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    from stores.queries.window import moment

    try:
        return moment(value)
    except ProjectError as error:
        raise click.BadParameter(str(error)) from error


def _quantiles(_: click.Context, __: click.Parameter, value: str | None) -> tuple[Decimal, ...] | None:
    if value is None:
        return None
    try:
        return tuple(Decimal(each.strip()) for each in value.split(","))
    except InvalidOperation as error:
        raise click.BadParameter(f'"{value}" are no numbers. Give shares with commas: 0.3333,0.6667') from error


def _conditions(_: click.Context, __: click.Parameter, value: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in value:
        name, equals, wanted = each.partition("=")
        if not name or not equals:
            raise click.BadParameter(f'"{each}" is no condition. Write COLUMN=VALUE: conversion_status=converted')
        if found.get(name, wanted) != wanted:
            raise click.BadParameter(f'"{name}" cannot be "{found[name]}" and "{wanted}" at once')
        found[name] = wanted
    return found


def _windowed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --from and --until; the command gets a window."""

    @functools.wraps(function)
    def wrapper(*args: Any, start: datetime | None, end: datetime | None, **rest: Any) -> Any:
        from stores.queries.window import Window

        return function(*args, window=Window(start=start, end=end), **rest)

    wrapped: Callable[..., Any] = wrapper
    for name, to, text in (
        ("--until", "end", "Only before this moment; a day is its beginning. UTC."),
        ("--from", "start", "Only from this day or moment on: 2026-01-31, 2026-01-31T18:30. UTC."),
    ):
        wrapped = click.option(name, to, callback=_moment, metavar="TIME", help=text)(wrapped)
    return wrapped


def _answering(function: Callable[..., Answer]) -> Callable[..., None]:
    """Adds --explain, --output and the project's options, and prints the answer that the command returns."""

    @functools.wraps(function)
    def wrapper(command: Command, *, explain: bool, output: str, **rest: Any) -> None:
        with status("asking"):
            answer = function(command, explain=explain, **rest)
        _print(answer, explain=explain, output=output, seconds=command.elapsed)

    wrapped: Callable[..., Any] = project_options(wrapper)
    for option in (
        click.option(
            "--output",
            type=click.Choice(["table", "json", "csv"]),
            default="table",
            help="How to print rows. json: a row a line, decimals as text; with --explain one object of rows and plan.",
        ),
        click.option("--explain", is_flag=True, help="Show the whole pipeline or scan, and count what it reads."),
    ):
        wrapped = option(wrapped)
    return wrapped


def _limited(default: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--limit", "-n", type=click.IntRange(min=1), default=default, show_default=True, help="How many rows at most."
    )


_column_option = click.option(
    "--column",
    "-c",
    "columns",
    multiple=True,
    metavar="NAME",
    help="Show these, and read no other families: conversion_status, or a cell as family:qualifier.",
)


@query_command.command("top-products", short_help="MongoDB: products by revenue, with units sold and stock.")
@_limited(10)
@_windowed
@_answering
def _top_products(command: Command, *, limit: int, window: Window, explain: bool) -> Answer:
    """Products by revenue of their order lines, with the units sold and the stock of now."""
    from stores.queries.mongodb import top_products

    with _shop(command) as shop:
        return top_products(shop, limit=limit, window=window, explain=explain)


@query_command.command("user-segments", short_help="MongoDB: users by bands of value and frequency.")
@click.option(
    "--quantiles",
    callback=_quantiles,
    metavar="SHARES",
    help="Where to cut, as shares of users: 0.3333,0.6667. By default the project's variable segment_quantiles.",
)
@_windowed
@_answering
def _user_segments(command: Command, *, quantiles: tuple[Decimal, ...] | None, window: Window, explain: bool) -> Answer:
    """Users who ordered, by bands of revenue and of orders, cut at quantiles; each cut with its position."""
    from stores.queries.mongodb import QUANTILES, user_segments

    if quantiles is None:
        given = command.project().files.vars.get("segment_quantiles")
        quantiles = tuple(Decimal(str(each)) for each in given) if given else QUANTILES
    with _shop(command) as shop:
        return user_segments(shop, quantiles=quantiles, window=window, explain=explain)


@query_command.command("revenue-by-category", short_help="MongoDB: revenue, units and share of each category.")
@_windowed
@_answering
def _revenue_by_category(command: Command, *, window: Window, explain: bool) -> Answer:
    """Revenue of order lines by the category of their product, greatest first."""
    from stores.queries.mongodb import revenue_by_category

    with _shop(command) as shop:
        return revenue_by_category(shop, window=window, explain=explain)


@query_command.command("revenue-by-day", short_help="MongoDB: orders, revenue and their average of each day.")
@_windowed
@_answering
def _revenue_by_day(command: Command, *, window: Window, explain: bool) -> Answer:
    """Orders, revenue and average order value of each day, days without orders as zero. Days are of UTC."""
    from stores.queries.mongodb import revenue_by_day

    with _shop(command) as shop:
        return revenue_by_day(shop, window=window, explain=explain)


@query_command.command("user-sessions", short_help="HBase: a user's sessions, newest first.")
@click.argument("user", metavar="USER")
@_limited(20)
@_column_option
@_windowed
@_answering
def _user_sessions(
    command: Command, *, user: str, limit: int, columns: tuple[str, ...], window: Window, explain: bool
) -> Answer:
    """A user's sessions, newest first, or those that began in a window of time: a range of rows, without a filter."""
    from stores.queries.hbase import SHOWN, user_sessions

    with _hbase(command) as connection:
        return user_sessions(connection, user, limit=limit, window=window, columns=columns or SHOWN, explain=explain)


@query_command.command("sessions-by", short_help="HBase: sessions whose columns have given values.")
@click.argument("conditions", nargs=-1, required=True, callback=_conditions, metavar="COLUMN=VALUE...")
@_limited(20)
@_column_option
@_answering
def _sessions_by(
    command: Command, *, conditions: dict[str, str], limit: int, columns: tuple[str, ...], explain: bool
) -> Answer:
    """Sessions whose columns have these values, all of them, up to a limit, by user. Values are compared as text."""
    from stores.queries.hbase import SHOWN, sessions_by

    with _hbase(command) as connection:
        return sessions_by(connection, conditions, limit=limit, columns=columns or SHOWN, explain=explain)


@query_command.command("product-series", short_help="HBase: a product's daily figures.")
@click.argument("product", metavar="PRODUCT")
@_windowed
@_answering
def _product_series(command: Command, *, product: str, window: Window, explain: bool) -> Answer:
    """A product's views, carts, orders and revenue by day, from product_metrics."""
    from stores.queries.hbase import product_series

    with _hbase(command) as connection:
        return product_series(connection, product, window=window, explain=explain)


@contextmanager
def _shop(command: Command) -> Iterator[Shop]:
    """Gives the target's database in MongoDB.

    Raises:
        ProjectError: the target names none.
        MachineError: it does not answer, or not any more.
    """
    from pymongo.errors import PyMongoError

    from runner.sources.connections import open_stores
    from stores.mongo_client import database, unanswered

    settings = open_stores(command.project()).mongodb
    if settings is None:
        raise _unnamed(command, "mongodb")
    shop = database(settings)
    try:
        yield shop
    except PyMongoError as error:
        raise unanswered(settings, error) from error
    finally:
        shop.client.close()


@contextmanager
def _hbase(command: Command) -> Iterator[happybase.Connection]:
    """Gives a connection to the target's HBase; raises as `_shop` does."""
    from thriftpy2.transport import TTransportException

    from runner.sources.connections import open_stores
    from stores.hbase_client import connected, no_answer

    settings = open_stores(command.project()).hbase
    if settings is None:
        raise _unnamed(command, "hbase")
    with connected(settings) as connection:
        try:
            yield connection
        except TTransportException as error:
            raise no_answer(settings, error) from error


def _unnamed(command: Command, store: str) -> ProjectError:
    files = command.project().files
    return ProjectError(
        f'the target "{files.target.name}" names no {store}. Give it "stores: {store}" in {files.project_file}, '
        "or name a target that has it: --target stores"
    )


def _print(answer: Answer, *, explain: bool, output: str, seconds: float) -> None:
    from runner.cli.rows import print_rows
    from stores.queries.answer import several

    if output == "json" and explain:
        click.echo(json.dumps(_object(answer)))
    else:
        print_rows(answer.columns, [_texts(row) for row in answer.records()], output=output)
    for cut in answer.cuts:
        say(
            f"cut:  {cut.measure} {cut.value} at the quantile {cut.quantile}: {several(cut.below, 'user')} below, "
            f"{cut.equal:,} at it, {cut.above:,} above; {cut.position} of them at or below"
        )
    for note in answer.notes:
        say(f"note: {note}")
    say(f"plan: {answer.plan.reason}")
    for name, value in answer.plan.facts:
        say(f"      {name}: {value}")
    if explain and output != "json":
        say(answer.plan.whole)
    say(f"run: {answer.query}: {several(len(answer.rows), 'row')} in {seconds:.1f} s.")


def _object(answer: Answer) -> dict[str, Any]:
    """Returns the whole answer as JSON has it."""
    return {
        "query": answer.query,
        "columns": list(answer.columns),
        "rows": [_texts(row, exact=True) for row in answer.records()],
        "cuts": [
            {
                "measure": cut.measure,
                "quantile": str(cut.quantile),
                "rank": cut.rank,
                "value": str(cut.value) if isinstance(cut.value, Decimal) else cut.value,
                "below": cut.below,
                "equal": cut.equal,
                "above": cut.above,
                "position": str(cut.position),
            }
            for cut in answer.cuts
        ],
        "notes": list(answer.notes),
        "plan": {
            "reason": answer.plan.reason,
            **{name.replace(" ", "_"): value for name, value in answer.plan.facts},
            "whole": answer.plan.whole,
        },
    }


def _texts(row: dict[str, Any], *, exact: bool = False) -> dict[str, Any]:
    """Returns a row with its days as text, and with `exact` its decimals, too."""
    kinds = (date, Decimal) if exact else (date,)
    return {name: str(value) if isinstance(value, kinds) else value for name, value in row.items()}
