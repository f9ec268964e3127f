with

    products as (select * from {{ ref("product_performance") }}),

    stock as (select * from {{ ref("stg_mongodb__products") }}),

    observed_window as (select * from {{ ref("int_window_observed") }}),

    rates as (

        select
            products.product_id,
            products.product_name,
            products.category_name,
            products.is_active,
            stock.current_stock,
            stock.base_price,
            products.units_sold,
            products.revenue,
            products.units_sold / observed_window.window_days as units_per_day,
            products.revenue / cast(observed_window.window_days as double) as revenue_per_day,
            try_divide(stock.current_stock, units_per_day) as days_of_cover,
            coalesce(stock.current_stock <= 0, false) as is_out_of_stock,
            coalesce(stock.current_stock < {{ var("low_stock_units") }}, false) as is_below_low_stock_units,
            coalesce(days_of_cover < {{ var("low_stock_days_of_cover") }}, false) as is_below_days_of_cover,
            coalesce(stock.current_stock > 0 and units_per_day = 0, false)
            or coalesce(days_of_cover > {{ var("overstock_days_of_cover") }}, false) as is_overstocked
        from products
        inner join stock on products.product_id = stock.product_id
        left join observed_window on true

    ),

    -- What is expected to be asked for, and cannot be sold, until the days to cover are over.
    statuses as (

        select
            product_id,
            product_name,
            category_name,
            is_active,
            case
                when is_out_of_stock
                then 'out of stock'
                when is_below_low_stock_units or is_below_days_of_cover
                then 'low stock'
                when is_overstocked
                then 'overstock'
                else 'in stock'
            end as stock_status,
            current_stock,
            {{ money("current_stock * base_price") }} as stock_value,
            units_sold,
            revenue,
            round(units_per_day, 6) as units_per_day,
            round(days_of_cover, 1) as days_of_cover,
            is_out_of_stock,
            is_below_low_stock_units,
            is_below_days_of_cover,
            is_overstocked,
            {{
                money(
                    "coalesce(if(is_active, revenue_per_day, 0) * greatest(0, "
                    ~ var("low_stock_days_of_cover")
                    ~ " - days_of_cover), 0)"
                )
            }} as revenue_at_risk
        from rates

    )

select *
from statuses
