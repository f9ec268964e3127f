-- The report's funnel: page views, the last of them of confirmation pages, called purchases. No sessions, no orders.
with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    totals as (

        select
            array('view', 'cart', 'checkout', 'purchase') as stages,
            array(
                coalesce(sum(product_view_count), 0),
                coalesce(sum(cart_view_count), 0),
                coalesce(sum(checkout_view_count), 0),
                coalesce(sum(confirmation_view_count), 0)
            ) as counts
        from sessions

    ),

    steps as (

        select stages[position] as stage, position + 1 as stage_order, count
        from totals
        lateral view posexplode(counts) as position, count

    )

select *
from steps
