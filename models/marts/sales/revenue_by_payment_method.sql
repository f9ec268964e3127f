with

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    -- Orders with and without a session are two populations; a mixture of them says nothing of payment methods.
    grouped as (

        select
            if(is_linked, 'linked', 'standalone') as order_origin,
            coalesce(nullif(payment_method, ''), 'unknown') as payment_method,
            count(*) as order_count,
            count(distinct user_id) as customer_count,
            {{ money("sum(total)") }} as revenue,
            {{ money("stddev_samp(total)") }} as order_value_deviation
        from transactions
        where is_order
        group by if(is_linked, 'linked', 'standalone'), coalesce(nullif(payment_method, ''), 'unknown')

    ),

    shared as (

        select
            order_origin,
            payment_method,
            order_count,
            customer_count,
            revenue,
            {{ money("try_divide(revenue, order_count)") }} as average_order_value,
            order_value_deviation,
            {{ share("order_count", "sum(order_count) over (partition by order_origin)") }} as order_share,
            {{ share("revenue", "sum(revenue) over (partition by order_origin)") }} as revenue_share
        from grouped

    )

select *
from shared
