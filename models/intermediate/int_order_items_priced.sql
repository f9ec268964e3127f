with

    transaction_items as (select * from {{ ref("stg_mongodb__transaction_items") }}),

    -- The order's discount falls on its lines by their share, so that products add up to revenue.
    priced as (

        select
            transaction_id,
            item_number,
            session_id,
            user_id,
            order_date,
            product_id,
            quantity,
            unit_price,
            subtotal,
            cast(coalesce(try_divide(subtotal * order_total, order_subtotal), 0) as decimal(18, 6)) as revenue
        from transaction_items
        where is_order

    )

select *
from priced
