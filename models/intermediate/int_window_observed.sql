with

    sessions as (select * from {{ ref("stg_hbase__sessions") }}),

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    session_bounds as (select min(started_at) as first_at, max(started_at) as last_at from sessions),

    transaction_bounds as (select min(ordered_at) as first_at, max(ordered_at) as last_at from transactions),

    bounds as (

        select
            least(session_bounds.first_at, transaction_bounds.first_at) as first_at,
            greatest(session_bounds.last_at, transaction_bounds.last_at) as last_at
        from session_bounds
        cross join transaction_bounds

    ),

    days as (

        select
            first_at,
            last_at,
            cast(first_at as date) as first_date,
            cast(last_at as date) as last_date,
            datediff(last_at, first_at) + 1 as window_days,
            window_days / {{ var("days_per_month") }}d as window_months
        from bounds
        where first_at is not null

    )

select *
from days
