-- The report read its durations off an axis that counts in millions of seconds, and took them as they stand.
with

    durations as (select * from {{ ref("reported_session_durations") }}),

    drawn as (select user_id, session_duration_seconds / 1000000d as session_duration_seconds from durations)

select *
from drawn
