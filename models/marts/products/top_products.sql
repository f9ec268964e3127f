with

    products as (select * from {{ ref("product_performance") }}),

    ranked as (

        select
            product_id,
            product_name,
            category_name,
            order_count,
            units_sold,
            revenue,
            row_number() over (order by revenue desc, product_id) as revenue_rank,
            row_number() over (order by units_sold desc, product_id) as units_rank,
            {{ share("revenue", "sum(revenue) over ()") }} as revenue_share,
            {{ share("sum(revenue) over (order by revenue desc, product_id)", "sum(revenue) over ()") }}
            as cumulative_revenue_share
        from products
        where order_count > 0

    ),

    top as (

        select
            product_id,
            product_name,
            category_name,
            order_count,
            units_sold,
            revenue,
            revenue_rank,
            units_rank,
            revenue_share,
            cumulative_revenue_share
        from ranked
        where revenue_rank <= {{ var("top_products_count") }}

    )

select *
from top
