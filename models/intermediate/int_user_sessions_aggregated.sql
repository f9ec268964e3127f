with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    totals as (

        select
            user_id,
            count(*) as session_count,
            count(distinct session_date) as active_day_count,
            min(started_at) as first_session_at,
            max(started_at) as last_session_at,
            sum(page_view_count) as page_view_count,
            sum(product_view_count) as product_view_count,
            count_if(stage_order >= 2) as cart_session_count,
            count_if(stage_order >= 3) as checkout_session_count,
            count_if(stage_order >= 4) as purchase_session_count,
            sum(duration_seconds) as duration_seconds,
            avg(duration_seconds) as mean_duration_seconds
        from sessions
        where user_id is not null
        group by user_id

    )

select *
from totals
