with

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    named_sessions as (select coalesce(nullif(device_type, ''), 'unknown') as device_type, stage_order from sessions),

    {{ funnel_by("named_sessions", "device_type") }}

select *
from steps
