with

    sessions as (select * from {{ source("hbase", "sessions") }}),

    renamed as (

        select
            session_id,
            user_id,
            start_time as started_at,
            end_time as ended_at,
            cast(start_time as date) as session_date,
            duration_seconds,
            geo_data.city as city,
            geo_data.state as state,
            geo_data.country as country,
            geo_data.ip_address as ip_address,
            device_profile.type as device_type,
            device_profile.os as os,
            device_profile.browser as browser,
            referrer,
            conversion_status,
            viewed_products,
            page_views,
            cart_contents
        from sessions

    )

select *
from renamed
