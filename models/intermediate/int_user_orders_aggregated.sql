with

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    totals as (

        select
            user_id,
            count(*) as order_count,
            count_if(is_linked) as linked_order_count,
            {{ money("sum(total)") }} as revenue,
            min(ordered_at) as first_order_at,
            max(ordered_at) as last_order_at,
            count(distinct order_date) as order_day_count
        from transactions
        where is_order and user_id is not null
        group by user_id

    ),

    averaged as (select *, {{ money("try_divide(revenue, order_count)") }} as average_order_value from totals)

select *
from averaged
