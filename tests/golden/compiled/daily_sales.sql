with

    transactions as (select * from staging.stg_mongodb__transactions),

    -- A null key never meets itself in a merge; the checks find orders without a time.
    orders_by_day as (

        select
            order_date,
            count(*) as order_count,
            count(distinct user_id) as customer_count,
            count_if(is_linked) as linked_order_count,
            count_if(not is_linked) as standalone_order_count,
            sum(item_count) as item_count,
            cast(coalesce(sum(subtotal), 0) as decimal(12, 2)) as subtotal,
            cast(coalesce(sum(discount), 0) as decimal(12, 2)) as discount,
            cast(coalesce(sum(total), 0) as decimal(12, 2)) as revenue,
            cast(coalesce(sum(total) filter (where is_linked), 0) as decimal(12, 2)) as linked_revenue,
            cast(coalesce(sum(total) filter (where not is_linked), 0) as decimal(12, 2)) as standalone_revenue,
            cast(try_divide(sum(total), count(*)) as decimal(12, 2)) as average_order_value
        from transactions
        where is_order and order_date is not null
        group by order_date

    )

    

select *
from orders_by_day
