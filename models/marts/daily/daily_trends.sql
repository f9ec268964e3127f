with

    daily_sales as (select * from {{ ref("daily_sales") }}),

    observed_window as (select * from {{ ref("int_window_observed") }}),

    calendar as (select explode(sequence(first_date, last_date)) as order_date from observed_window),

    days as (

        select
            calendar.order_date,
            coalesce(daily_sales.order_count, 0) as order_count,
            {{ money("coalesce(daily_sales.revenue, 0)") }} as revenue,
            daily_sales.average_order_value
        from calendar
        left join daily_sales on calendar.order_date = daily_sales.order_date

    ),

    -- Means and deviations are of full weeks only.
    weeks as (

        select
            order_date,
            order_count,
            revenue,
            average_order_value,
            count(*) over week = 7 as has_full_week,
            avg(order_count) over week as mean_order_count,
            avg(cast(revenue as double)) over week as mean_revenue,
            stddev_samp(order_count) over week as order_deviation,
            stddev_samp(cast(revenue as double)) over week as revenue_deviation,
            lag(order_count) over (order by order_date) as order_count_day_before,
            lag(revenue) over (order by order_date) as revenue_day_before,
            lag(order_count, 7) over (order by order_date) as order_count_week_before,
            lag(revenue, 7) over (order by order_date) as revenue_week_before
        from days
        window week as (order by order_date rows between 6 preceding and current row)

    ),

    trends as (

        select
            order_date,
            date_format(order_date, 'EEEE') as weekday,
            order_count,
            revenue,
            average_order_value,
            if(has_full_week, round(mean_order_count, 6), null) as order_count_mean_7_days,
            if(has_full_week, {{ money("mean_revenue") }}, null) as revenue_mean_7_days,
            {{ share("order_count - order_count_day_before", "order_count_day_before") }} as order_count_change_day,
            {{ share("order_count - order_count_week_before", "order_count_week_before") }} as order_count_change_week,
            {{ share("revenue - revenue_day_before", "revenue_day_before") }} as revenue_change_day,
            {{ share("revenue - revenue_week_before", "revenue_week_before") }} as revenue_change_week,
            if(has_full_week, {{ share("order_deviation", "mean_order_count") }}, null) as order_volatility_7_days,
            if(has_full_week, {{ share("revenue_deviation", "mean_revenue") }}, null) as revenue_volatility_7_days
        from weeks

    )

select *
from trends
