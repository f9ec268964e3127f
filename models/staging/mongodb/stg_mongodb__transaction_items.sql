with

    transactions as (select * from {{ source("mongodb", "transactions") }}),

    exploded as (

        select
            transaction_id,
            nullif(session_id, '') as session_id,
            user_id,
            timestamp as ordered_at,
            {{ is_order("status") }} as is_order,
            subtotal as order_subtotal,
            total as order_total,
            posexplode(items) as (position, item)
        from transactions

    ),

    renamed as (

        select
            transaction_id,
            position + 1 as item_number,
            session_id,
            user_id,
            ordered_at,
            cast(ordered_at as date) as order_date,
            is_order,
            item.product_id as product_id,
            item.quantity as quantity,
            {{ money("item.unit_price") }} as unit_price,
            {{ money("item.subtotal") }} as subtotal,
            {{ money("order_subtotal") }} as order_subtotal,
            {{ money("order_total") }} as order_total
        from exploded

    )

select *
from renamed
