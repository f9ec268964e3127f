with

    transactions as (select * from {{ source("mongodb", "transactions") }}),

    renamed as (

        select
            transaction_id,
            nullif(session_id, '') as session_id,
            user_id,
            timestamp as ordered_at,
            cast(timestamp as date) as order_date,
            {{ money("subtotal") }} as subtotal,
            {{ money("coalesce(discount, 0)") }} as discount,
            {{ money("total") }} as total,
            payment_method,
            status,
            {{ is_order("status") }} as is_order,
            nullif(session_id, '') is not null as is_linked,
            coalesce(size(items), 0) as item_count
        from transactions

    )

select *
from renamed
