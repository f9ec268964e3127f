with

    users as (select * from {{ ref("stg_mongodb__users") }}),

    user_sessions as (select * from {{ ref("int_user_sessions_aggregated") }}),

    user_orders as (select * from {{ ref("int_user_orders_aggregated") }}),

    observed_window as (select * from {{ ref("int_window_observed") }}),

    activity as (

        select
            users.user_id,
            users.state,
            users.country,
            users.registration_date,
            coalesce(user_sessions.session_count, 0) as session_count,
            coalesce(user_sessions.active_day_count, 0) as active_day_count,
            coalesce(user_sessions.page_view_count, 0) as page_view_count,
            coalesce(user_sessions.product_view_count, 0) as product_view_count,
            coalesce(user_sessions.cart_session_count, 0) as cart_session_count,
            coalesce(user_sessions.purchase_session_count, 0) as purchase_session_count,
            round(user_sessions.mean_duration_seconds, 1) as mean_duration_seconds,
            user_sessions.first_session_at,
            user_sessions.last_session_at,
            coalesce(user_orders.order_count, 0) as order_count,
            coalesce(user_orders.linked_order_count, 0) as linked_order_count,
            {{ money("coalesce(user_orders.revenue, 0)") }} as revenue,
            user_orders.average_order_value,
            user_orders.last_order_at,
            {{ share("user_sessions.purchase_session_count", "user_sessions.session_count") }} as session_conversion,
            datediff(
                observed_window.last_at, greatest(user_sessions.last_session_at, user_orders.last_order_at)
            ) as days_since_last_activity
        from users
        left join user_sessions on users.user_id = user_sessions.user_id
        left join user_orders on users.user_id = user_orders.user_id
        left join observed_window on true

    )

select *
from activity
