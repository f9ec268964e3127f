with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    named_sessions as (select coalesce(nullif(referrer, ''), 'unknown') as referrer, stage_order from sessions),

    {{ funnel_by("named_sessions", "referrer") }}

select *
from steps
