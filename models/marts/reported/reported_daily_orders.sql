-- The report's pipeline grouped orders by a path that they do not have: all of them fell on one null date, worth 0.
with

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    records as (

        select map('timestamp', cast(ordered_at as string), 'total', cast(total as string)) as record
        from transactions
        where is_order

    ),

    dated as (

        select
            cast(try_element_at(record, 'transaction_date') as date) as order_date,
            cast(coalesce(try_element_at(record, 'payment.total'), '0') as decimal(12, 2)) as total
        from records

    ),

    days as (

        select order_date, count(*) as order_count, {{ money("coalesce(sum(total), 0)") }} as revenue
        from dated
        group by order_date

    )

select *
from days
