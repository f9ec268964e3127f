with

    users as (select * from {{ ref("stg_mongodb__users") }}),

    user_orders as (select * from {{ ref("int_user_orders_aggregated") }}),

    -- An order whose user is not known is sold somewhere, too.
    located as (

        select
            coalesce(nullif(users.country, ''), 'unknown') as country,
            coalesce(nullif(users.state, ''), 'unknown') as state,
            users.user_id is not null as is_user,
            coalesce(user_orders.order_count, 0) as order_count,
            coalesce(user_orders.revenue, 0) as revenue
        from users
        full outer join user_orders on users.user_id = user_orders.user_id

    ),

    totals as (

        select
            country,
            state,
            count_if(is_user) as user_count,
            count_if(order_count > 0) as customer_count,
            sum(order_count) as order_count,
            {{ money("sum(revenue)") }} as revenue
        from located
        group by country, state

    ),

    compared as (

        select
            country,
            state,
            user_count,
            customer_count,
            order_count,
            revenue,
            {{ money("try_divide(revenue, order_count)") }} as average_order_value,
            {{ money("try_divide(revenue, user_count)") }} as revenue_per_user,
            {{ share("revenue", "sum(revenue) over ()") }} as revenue_share
        from totals

    )

select *
from compared
