with

    sessions as (select * from intermediate.int_sessions_enriched),

    users as (select user_id, max(stage_order) as stage_order from sessions where user_id is not null group by user_id),

    session_level as (

        select
            'session' as level, array('view', 'cart', 'checkout', 'purchase') as stages, array(
        count_if(stage_order >= 1), count_if(stage_order >= 2), count_if(stage_order >= 3), count_if(stage_order >= 4)
    ) as counts
        from sessions

    ),

    user_level as (

        select 'user' as level, array('view', 'cart', 'checkout', 'purchase') as stages, array(
        count_if(stage_order >= 1), count_if(stage_order >= 2), count_if(stage_order >= 3), count_if(stage_order >= 4)
    ) as counts
        from users

    ),

    -- A confirmation page is an event of its own: it is viewed without an order, too.
    event_level as (

        select
            'event' as level,
            array('view', 'cart', 'checkout', 'confirmation', 'purchase') as stages,
            array(
                coalesce(sum(product_view_count), 0),
                coalesce(sum(cart_view_count), 0),
                coalesce(sum(checkout_view_count), 0),
                coalesce(sum(confirmation_view_count), 0),
                coalesce(sum(order_count), 0)
            ) as counts
        from sessions

    ),

    levels as (

        select level, stages, counts
        from session_level
        union all
        select level, stages, counts
        from user_level
        union all
        select level, stages, counts
        from event_level

    ),

    stages as (

        select level, stages[position] as stage, position + 1 as stage_order, count
        from levels
        lateral view posexplode(counts) as position, count

    ),

    steps as (select level, stage, stage_order, count, 
    round(cast(try_divide(count, lag(count) over (partition by level order by stage_order)) as double), 6) as step_conversion,
    round(cast(try_divide(count, first_value(count) over (partition by level order by stage_order)) as double), 6)
    as overall_conversion,
    lag(count) over (partition by level order by stage_order) - count as drop_off
 from stages)

select *
from steps
