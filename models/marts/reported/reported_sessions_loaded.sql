-- The report's loader asked each record for keys that it does not have, and took the default for the value.
with

    sessions as (select * from {{ ref("stg_hbase__sessions") }}),

    records as (

        select
            session_id,
            map(
                'geo_data.city',
                city,
                'geo_data.state',
                state,
                'device_profile.type',
                device_type,
                'device_profile.os',
                os,
                'device_profile.browser',
                browser,
                'start_time',
                cast(started_at as string),
                'duration_seconds',
                cast(duration_seconds as string)
            ) as record
        from sessions

    ),

    loaded as (

        select
            session_id,
            coalesce(try_element_at(record, 'geo.city'), '') as city,
            coalesce(try_element_at(record, 'geo.state'), '') as state,
            coalesce(try_element_at(record, 'device.type'), '') as device_type,
            coalesce(try_element_at(record, 'device.os'), '') as os,
            coalesce(try_element_at(record, 'device.browser'), '') as browser,
            coalesce(try_element_at(record, 'timestamp'), '') as started_at,
            coalesce(try_element_at(record, 'stats.duration'), '0') as duration_seconds
        from records

    )

select *
from loaded
