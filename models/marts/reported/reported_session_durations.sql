-- The report's own definition, kept so that the checks can be seen to catch it: no figure for decisions.
with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    spans as (

        select user_id, unix_timestamp(max(ended_at)) - unix_timestamp(min(started_at)) as session_duration_seconds
        from sessions
        where user_id is not null
        group by user_id

    )

select *
from spans
