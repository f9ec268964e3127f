"""Where a table lies that a statement of a person's own makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.warehouse.created import placed

HERE = "location '/w/notes/log'"


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "create table if not exists notes.log (said string, n decimal(3, 1)) using delta",
            f"create table if not exists notes.log (said string, n decimal(3, 1)) using delta {HERE}",
        ),
        ("create table notes.log (said string)", f"create table notes.log (said string) using delta {HERE}"),
        (
            "-- a log\nCREATE OR REPLACE TABLE `notes`.`log` USING Delta AS select ')' as said",
            f"-- a log\nCREATE OR REPLACE TABLE `notes`.`log` USING Delta {HERE} AS select ')' as said",
        ),
        ("create table notes.log as select 1 as n", f"create table notes.log using delta {HERE} as select 1 as n"),
        (
            "create table notes.log (a int comment ') (') partitioned by (a)",
            f"create table notes.log (a int comment ') (') using delta {HERE} partitioned by (a)",
        ),
        ("create table notes.log (location string)", f"create table notes.log (location string) using delta {HERE}"),
    ],
)
def test_a_table_lies_in_the_warehouse(sql: str, found: str) -> None:
    assert placed(sql, Path("/w")) == found


@pytest.mark.parametrize(
    "sql",
    [
        "create table notes.log (a int) using delta location '/elsewhere'",
        "create table notes.log (a int) using csv",
        "create table notes.log like marts.m",
        "create table notes.log shallow clone marts.m",
        "create table log (a int)",
        "create table spark_catalog.notes.log (a int)",
        "create schema if not exists notes",
        "create or replace temporary view v as select 1",
        "insert into notes.log values (1)",
        "",
    ],
)
def test_every_other_statement_stays_as_it_is(sql: str) -> None:
    assert placed(sql, Path("/w")) == sql
