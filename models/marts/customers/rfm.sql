with

    user_orders as (select * from {{ ref("int_user_orders_aggregated") }}),

    observed_window as (select * from {{ ref("int_window_observed") }}),

    customers as (

        select
            user_orders.user_id,
            datediff(observed_window.last_at, user_orders.last_order_at) as recency_days,
            user_orders.order_count,
            user_orders.revenue
        from user_orders
        cross join observed_window

    ),

    cuts as (

        select
            percentile(recency_days, array({{ var("rfm_quantiles") | join(", ") }})) as recency_cuts,
            percentile(order_count, array({{ var("rfm_quantiles") | join(", ") }})) as frequency_cuts,
            percentile(revenue, array({{ var("rfm_quantiles") | join(", ") }})) as monetary_cuts
        from customers

    ),

    -- A score is one more than the cuts that lie below the value; 5 is best, so few days since the last order are.
    scored as (

        select
            customers.user_id,
            customers.recency_days,
            customers.order_count,
            customers.revenue,
            5 - size(filter(cuts.recency_cuts, cut -> customers.recency_days > cut)) as recency_score,
            1 + size(filter(cuts.frequency_cuts, cut -> customers.order_count > cut)) as frequency_score,
            1 + size(filter(cuts.monetary_cuts, cut -> customers.revenue > cut)) as monetary_score
        from customers
        cross join cuts

    ),

    named as (

        select
            user_id,
            recency_days,
            order_count,
            revenue,
            recency_score,
            frequency_score,
            monetary_score,
            concat(recency_score, frequency_score, monetary_score) as rfm_score,
            case
                when recency_score >= 4 and frequency_score >= 4 and monetary_score >= 4
                then 'champions'
                when recency_score >= 3 and frequency_score >= 3
                then 'loyal'
                when recency_score >= 4
                then 'recent'
                when recency_score <= 2 and (frequency_score >= 3 or monetary_score >= 4)
                then 'at risk'
                when recency_score <= 2
                then 'hibernating'
                else 'needs attention'
            end as rfm_segment
        from scored

    )

select *
from named
