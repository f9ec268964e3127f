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
            count(distinct order_date) as order_day_count,
            {{ money("try_divide(sum(total), count(*))") }} as average_order_value
        from transactions
        where is_order and user_id is not null
        group by user_id

    )

select *
from totals
