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

    
        ,

        published as (select * from marts.daily_sales),

        -- A landing is a whole snapshot: any day may have changed, and a day that lost its orders stays, at zero.
        changed_days as (

            select
                coalesce(orders_by_day.order_date, published.order_date) as order_date,
                coalesce(orders_by_day.order_count, 0) as order_count,
                coalesce(orders_by_day.customer_count, 0) as customer_count,
                coalesce(orders_by_day.linked_order_count, 0) as linked_order_count,
                coalesce(orders_by_day.standalone_order_count, 0) as standalone_order_count,
                coalesce(orders_by_day.item_count, 0) as item_count,
                cast(coalesce(orders_by_day.subtotal, 0) as decimal(12, 2)) as subtotal,
                cast(coalesce(orders_by_day.discount, 0) as decimal(12, 2)) as discount,
                cast(coalesce(orders_by_day.revenue, 0) as decimal(12, 2)) as revenue,
                cast(coalesce(orders_by_day.linked_revenue, 0) as decimal(12, 2)) as linked_revenue,
                cast(coalesce(orders_by_day.standalone_revenue, 0) as decimal(12, 2)) as standalone_revenue,
                orders_by_day.average_order_value
            from orders_by_day
            full outer join published on orders_by_day.order_date = published.order_date
            where
                coalesce(orders_by_day.order_count, 0) <> coalesce(published.order_count, 0)
                or coalesce(orders_by_day.customer_count, 0) <> coalesce(published.customer_count, 0)
                or coalesce(orders_by_day.linked_order_count, 0) <> coalesce(published.linked_order_count, 0)
                or coalesce(orders_by_day.item_count, 0) <> coalesce(published.item_count, 0)
                or coalesce(orders_by_day.subtotal, 0) <> coalesce(published.subtotal, 0)
                or coalesce(orders_by_day.discount, 0) <> coalesce(published.discount, 0)
                or coalesce(orders_by_day.revenue, 0) <> coalesce(published.revenue, 0)
                or coalesce(orders_by_day.linked_revenue, 0) <> coalesce(published.linked_revenue, 0)

        )
    

select *
from changed_days
