with

    transactions as (select * from mongodb.transactions),

    renamed as (

        select
            transaction_id,
            nullif(session_id, '') as session_id,
            user_id,
            timestamp as ordered_at,
            cast(timestamp as date) as order_date,
            cast(subtotal as decimal(12, 2)) as subtotal,
            cast(coalesce(discount, 0) as decimal(12, 2)) as discount,
            cast(total as decimal(12, 2)) as total,
            payment_method,
            status,
            coalesce(lower(status) not in ('cancelled', 'returned'), true) as is_order,
            nullif(session_id, '') is not null as is_linked,
            coalesce(size(items), 0) as item_count
        from transactions

    )

select *
from renamed
