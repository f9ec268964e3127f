-- The report's own cut points, kept so that the checks can be seen to catch them: no figure for decisions.
with

    user_orders as (select * from {{ ref("int_user_orders_aggregated") }}),

    segmented as (

        select
            user_id,
            revenue as total_spent,
            order_count,
            if(revenue >= 1000, 'VIP', 'Regular') as value_segment,
            if(order_count >= 10, 'Very Frequent', 'Occasional') as frequency_segment,
            concat(value_segment, ' | ', frequency_segment) as segment
        from user_orders

    )

select *
from segmented
