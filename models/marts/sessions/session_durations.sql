with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    durations as (

        select
            session_id,
            user_id,
            session_date,
            started_at,
            ended_at,
            duration_seconds,
            unix_timestamp(ended_at) - unix_timestamp(started_at) as elapsed_seconds,
            viewed_seconds,
            page_view_count,
            device_type,
            os,
            browser,
            referrer,
            conversion_status,
            order_count
        from sessions

    )

select *
from durations
