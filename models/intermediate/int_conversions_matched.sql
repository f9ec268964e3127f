with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    -- Of any status: an order that was cancelled later was placed all the same.
    orders_by_session as (

        select
            session_id,
            min(user_id) as user_id,
            count(*) as order_count,
            min(ordered_at) as ordered_at,
            sum(subtotal) as subtotal,
            sum(discount) as discount,
            sum(total) as total
        from transactions
        where is_linked
        group by session_id

    ),

    -- Both sides are dated by the order where there is one, so that midnight parts no order from its session.
    matched as (

        select
            coalesce(sessions.session_id, orders_by_session.session_id) as session_id,
            case
                when sessions.session_id is null
                then 'no_session'
                when orders_by_session.session_id is null
                then 'no_order'
                when sessions.conversion_status = 'converted'
                then 'matched'
                else 'not_converted'
            end as match_kind,
            sessions.user_id,
            orders_by_session.user_id as order_user_id,
            sessions.started_at,
            sessions.ended_at,
            orders_by_session.ordered_at,
            coalesce(orders_by_session.ordered_at, sessions.ended_at, sessions.started_at) as converted_at,
            cast(
                coalesce(orders_by_session.ordered_at, sessions.ended_at, sessions.started_at) as date
            ) as conversion_date,
            coalesce(sessions.cart_value, 0) as cart_value,
            coalesce(orders_by_session.order_count, 0) as order_count,
            {{ money("coalesce(orders_by_session.subtotal, 0)") }} as order_subtotal,
            {{ money("coalesce(orders_by_session.discount, 0)") }} as order_discount,
            {{ money("coalesce(orders_by_session.total, 0)") }} as order_total
        from sessions
        full outer join orders_by_session on sessions.session_id = orders_by_session.session_id
        where sessions.conversion_status = 'converted' or orders_by_session.session_id is not null

    )

select *
from matched
