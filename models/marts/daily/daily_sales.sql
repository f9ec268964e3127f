{{ config(materialized="incremental", incremental_strategy="merge", unique_key="order_date") }}

with

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    daily as (

        select
            order_date,
            count(*) as order_count,
            count(distinct user_id) as customer_count,
            count_if(is_linked) as linked_order_count,
            count_if(not is_linked) as standalone_order_count,
            sum(item_count) as item_count,
            {{ money("sum(subtotal)") }} as subtotal,
            {{ money("sum(discount)") }} as discount,
            {{ money("sum(total)") }} as revenue,
            {{ money("coalesce(sum(total) filter (where is_linked), 0)") }} as linked_revenue,
            {{ money("coalesce(sum(total) filter (where not is_linked), 0)") }} as standalone_revenue,
            {{ money("try_divide(sum(total), count(*))") }} as average_order_value
        from transactions
        where
            is_order
            -- A null key never meets itself in a merge; the source's checks find orders without a time.
            and order_date is not null
            {% if is_incremental() %}
                and order_date >= (
                    select
                        coalesce(date_sub(max(order_date), {{ var("daily_sales_lookback_days") }}), date '0001-01-01')
                    from {{ this }}
                )
            {% endif %}
        group by order_date

    )

select *
from daily
