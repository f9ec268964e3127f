with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    dated_sessions as (select session_date, stage_order from sessions where session_date is not null),

    {{ funnel_by("dated_sessions", "session_date") }}

select *
from steps
