with

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    observed_window as (select * from {{ ref("int_window_observed") }}),

    -- Period 0 is the latest.
    active_periods as (

        select distinct
            transactions.user_id,
            datediff(observed_window.last_date, transactions.order_date) div {{ var("churn_period_days") }} as period
        from transactions
        cross join observed_window
        where transactions.is_order and transactions.user_id is not null

    ),

    -- A period without an order after one with an order is a lapse; nothing is known yet of what follows period 0.
    followed_periods as (

        select user_id, period, lag(period) over (partition by user_id order by period) as next_active_period
        from active_periods

    ),

    lapses as (

        select
            user_id,
            count_if(period > 0) as followed_period_count,
            count_if(period > 0 and not (next_active_period <=> period - 1)) as lapse_count
        from followed_periods
        group by user_id

    ),

    shop as (select try_divide(sum(lapse_count), sum(followed_period_count)) as shop_churn from lapses),

    -- A customer seen for few periods is taken to be much like the others.
    estimated as (

        select
            lapses.user_id,
            lapses.followed_period_count,
            lapses.lapse_count,
            shop.shop_churn,
            (lapses.lapse_count + {{ var("churn_prior_periods") }} * shop.shop_churn)
            / (lapses.followed_period_count + {{ var("churn_prior_periods") }}) as churn,
            -- Where nobody could lapse yet, the cap stands: least() passes over null.
            least(
                cast({{ var("clv_lifespan_cap_months") }} as double),
                try_divide({{ var("churn_period_days") }} / {{ var("days_per_month") }}d, churn)
            ) as expected_lifespan_months
        from lapses
        cross join shop

    )

select *
from estimated
