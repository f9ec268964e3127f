with

    users as (select * from {{ ref("stg_mongodb__users") }}),

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    transactions as (select * from {{ ref("stg_mongodb__transactions") }}),

    observed_window as (select * from {{ ref("int_window_observed") }}),

    cohort_sizes as (

        select date_trunc('month', registration_date) as cohort_month, count(*) as user_count
        from users
        where registration_date is not null
        group by date_trunc('month', registration_date)

    ),

    observed_months as (

        select explode(sequence(date_trunc('month', first_at), date_trunc('month', last_at), interval 1 month)) as month
        from observed_window

    ),

    -- Every month from the registration on that was observed, so that a cohort that went away shows as zero.
    cohort_months as (

        select
            cohort_sizes.cohort_month,
            observed_months.month,
            cast(round(months_between(observed_months.month, cohort_sizes.cohort_month)) as int) as month_offset,
            cohort_sizes.user_count
        from cohort_sizes
        inner join observed_months on observed_months.month >= cohort_sizes.cohort_month

    ),

    monthly_activity as (

        select user_id, date_trunc('month', session_date) as month, 0 as order_count, 0 as revenue
        from sessions
        group by user_id, date_trunc('month', session_date)
        union all
        select user_id, date_trunc('month', order_date) as month, count(*) as order_count, sum(total) as revenue
        from transactions
        where is_order
        group by user_id, date_trunc('month', order_date)

    ),

    cohort_activity as (

        select
            date_trunc('month', users.registration_date) as cohort_month,
            monthly_activity.month,
            count(distinct monthly_activity.user_id) as active_user_count,
            sum(monthly_activity.order_count) as order_count,
            sum(monthly_activity.revenue) as revenue
        from monthly_activity
        inner join users on monthly_activity.user_id = users.user_id
        group by date_trunc('month', users.registration_date), monthly_activity.month

    ),

    cohorts as (

        select
            cast(cohort_months.cohort_month as date) as cohort_month,
            cohort_months.month_offset,
            cast(cohort_months.month as date) as activity_month,
            cohort_months.user_count,
            coalesce(cohort_activity.active_user_count, 0) as active_user_count,
            coalesce(cohort_activity.order_count, 0) as order_count,
            {{ money("coalesce(cohort_activity.revenue, 0)") }} as revenue,
            {{ share("coalesce(cohort_activity.active_user_count, 0)", "cohort_months.user_count") }} as retention,
            {{ money("try_divide(coalesce(cohort_activity.revenue, 0), cohort_months.user_count)") }}
            as revenue_per_user
        from cohort_months
        left join
            cohort_activity
            on cohort_months.cohort_month = cohort_activity.cohort_month
            and cohort_months.month = cohort_activity.month

    )

select *
from cohorts
