with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    order_items as (select * from {{ ref("int_order_items_priced") }}),

    products as (select * from {{ ref("stg_mongodb__products") }}),

    categories as (select * from {{ ref("stg_mongodb__categories") }}),

    viewed as (select session_id, 1 as stage_order, explode(viewed_product_ids) as product_id from sessions),

    -- A checkout is of the categories that lie in the cart.
    carted as (

        select session_id, if(checkout_view_count > 0, 3, 2) as stage_order, explode(cart_product_ids) as product_id
        from sessions

    ),

    bought as (

        select order_items.session_id, 4 as stage_order, order_items.product_id
        from order_items
        left semi join sessions on order_items.session_id = sessions.session_id

    ),

    reached_products as (

        select session_id, stage_order, product_id
        from viewed
        union all
        select session_id, stage_order, product_id
        from carted
        union all
        select session_id, stage_order, product_id
        from bought

    ),

    category_sessions as (

        select
            reached_products.session_id,
            coalesce(products.category_id, 'unknown') as category_id,
            max(reached_products.stage_order) as stage_order
        from reached_products
        left join products on reached_products.product_id = products.product_id
        group by reached_products.session_id, coalesce(products.category_id, 'unknown')

    ),

    {{ funnel_by("category_sessions", "category_id") }},

    named_steps as (

        select
            steps.category_id,
            coalesce(categories.category_name, 'unknown') as category_name,
            steps.stage,
            steps.stage_order,
            steps.count,
            steps.step_conversion,
            steps.overall_conversion,
            steps.drop_off
        from steps
        left join categories on steps.category_id = categories.category_id

    )

select *
from named_steps
