with

    inventory as (select * from {{ ref("inventory_status") }}),

    alerts as (

        select
            product_id,
            product_name,
            category_name,
            case
                when is_out_of_stock
                then 'out of stock'
                when is_below_low_stock_units and is_below_days_of_cover
                then 'few units and few days'
                when is_below_days_of_cover
                then 'few days'
                else 'few units'
            end as reason,
            case
                when is_out_of_stock and units_sold > 0
                then 'critical'
                when is_below_days_of_cover
                then 'urgent'
                else 'watch'
            end as alert_level,
            current_stock,
            units_per_day,
            days_of_cover,
            revenue_at_risk,
            cast(
                greatest(
                    ceil(units_per_day * {{ var("low_stock_days_of_cover") }}) - current_stock,
                    {{ var("low_stock_units") }} - current_stock
                ) as int
            ) as suggested_order_units
        from inventory
        where stock_status in ('out of stock', 'low stock') and is_active

    )

select *
from alerts
