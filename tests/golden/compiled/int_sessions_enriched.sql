with

    sessions as (select * from staging.stg_hbase__sessions),

    transactions as (select * from staging.stg_mongodb__transactions),

    orders_by_session as (

        select session_id, count(*) as order_count, sum(total) as revenue
        from transactions
        where is_order and is_linked
        group by session_id

    ),

    -- Counted within the arrays: exploding page views would multiply the largest table.
    counted as (

        select
            session_id,
            user_id,
            started_at,
            ended_at,
            session_date,
            duration_seconds,
            city,
            state,
            country,
            device_type,
            os,
            browser,
            referrer,
            conversion_status,
            coalesce(size(page_views), 0) as page_view_count,
            coalesce(size(filter(page_views, view -> view.page_type = 'product_detail')), 0) as product_view_count,
            coalesce(size(filter(page_views, view -> view.page_type = 'cart')), 0) as cart_view_count,
            coalesce(size(filter(page_views, view -> view.page_type = 'checkout')), 0) as checkout_view_count,
            coalesce(size(filter(page_views, view -> view.page_type = 'confirmation')), 0) as confirmation_view_count,
            aggregate(page_views, 0l, (seconds, view) -> seconds + coalesce(view.view_duration, 0)) as viewed_seconds,
            array_sort(array_distinct(array_compact(coalesce(viewed_products, array())))) as viewed_product_ids,
            array_sort(map_keys(coalesce(cart_contents, map()))) as cart_product_ids,
            aggregate(
                map_values(coalesce(cart_contents, map())), 0l, (units, item) -> units + coalesce(item.quantity, 0)
            ) as cart_unit_count,
            aggregate(
                map_values(coalesce(cart_contents, map())),
                cast(0 as decimal(12, 2)),
                (amount, item) -> cast(amount + coalesce(item.quantity * item.price, 0) as decimal(12, 2))
            ) as cart_value
        from sessions

    ),

    -- A session that was landed twice counts once.
    numbered as (

        select
            *,
            row_number() over (
                partition by session_id order by started_at, user_id, page_view_count desc
            ) as copy_number
        from counted

    ),

    -- The furthest stage: an order has passed all stages, a confirmation page without one has not bought.
    enriched as (

        select
            numbered.session_id,
            numbered.user_id,
            numbered.started_at,
            numbered.ended_at,
            numbered.session_date,
            numbered.duration_seconds,
            numbered.city,
            numbered.state,
            numbered.country,
            numbered.device_type,
            numbered.os,
            numbered.browser,
            numbered.referrer,
            numbered.conversion_status,
            numbered.page_view_count,
            numbered.product_view_count,
            numbered.cart_view_count,
            numbered.checkout_view_count,
            numbered.confirmation_view_count,
            numbered.viewed_seconds,
            numbered.viewed_product_ids,
            numbered.cart_product_ids,
            numbered.cart_unit_count,
            numbered.cart_value,
            coalesce(orders_by_session.order_count, 0) as order_count,
            cast(coalesce(orders_by_session.revenue, 0) as decimal(12, 2)) as revenue,
            case
                when orders_by_session.order_count > 0
                then 4
                when numbered.checkout_view_count > 0
                then 3
                when numbered.cart_view_count > 0 or numbered.cart_unit_count > 0
                then 2
                when numbered.product_view_count > 0 or size(numbered.viewed_product_ids) > 0
                then 1
                else 0
            end as stage_order,
            element_at(array('none', 'view', 'cart', 'checkout', 'purchase'), stage_order + 1) as stage_reached
        from numbered
        left join orders_by_session on numbered.session_id = orders_by_session.session_id
        where numbered.copy_number = 1

    )

select *
from enriched
