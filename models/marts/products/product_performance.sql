with

    products as (select * from {{ ref("stg_mongodb__products") }}),

    categories as (select * from {{ ref("stg_mongodb__categories") }}),

    subcategories as (select * from {{ ref("stg_mongodb__subcategories") }}),

    price_history as (select * from {{ ref("stg_mongodb__price_history") }}),

    order_items as (select * from {{ ref("int_order_items_priced") }}),

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    views as (

        select product_id, count(*) as view_session_count
        from sessions
        lateral view explode(viewed_product_ids) as product_id
        group by product_id

    ),

    carts as (

        select product_id, count(*) as cart_session_count
        from sessions
        lateral view explode(cart_product_ids) as product_id
        group by product_id

    ),

    sales as (

        select
            product_id,
            count(distinct transaction_id) as order_count,
            count(distinct session_id) as purchase_session_count,
            sum(quantity) as units_sold,
            sum(revenue) as revenue
        from order_items
        group by product_id

    ),

    prices as (

        select product_id, count(*) as price_count, min_by(price, price_number) as first_price
        from price_history
        group by product_id

    ),

    performance as (

        select
            products.product_id,
            products.product_name,
            products.category_id,
            categories.category_name,
            subcategories.subcategory_name,
            products.is_active,
            products.base_price,
            coalesce(prices.price_count, 0) as price_count,
            {{ share("products.base_price - prices.first_price", "prices.first_price") }} as price_change,
            coalesce(views.view_session_count, 0) as view_session_count,
            coalesce(carts.cart_session_count, 0) as cart_session_count,
            coalesce(sales.order_count, 0) as order_count,
            coalesce(sales.purchase_session_count, 0) as purchase_session_count,
            coalesce(sales.units_sold, 0) as units_sold,
            {{ money("coalesce(sales.revenue, 0)") }} as revenue,
            {{ money("try_divide(sales.revenue, sales.units_sold)") }} as revenue_per_unit,
            {{ money("sales.revenue * subcategories.profit_margin") }} as estimated_profit,
            {{ share("coalesce(carts.cart_session_count, 0)", "views.view_session_count") }} as cart_rate,
            {{ share("coalesce(sales.purchase_session_count, 0)", "views.view_session_count") }} as purchase_rate
        from products
        left join categories on products.category_id = categories.category_id
        left join subcategories on products.subcategory_id = subcategories.subcategory_id
        left join views on products.product_id = views.product_id
        left join carts on products.product_id = carts.product_id
        left join sales on products.product_id = sales.product_id
        left join prices on products.product_id = prices.product_id

    )

select *
from performance
