with

    users as (select * from {{ source("mongodb", "users") }}),

    renamed as (

        select
            user_id,
            geo_data.city as city,
            geo_data.state as state,
            geo_data.country as country,
            registration_date as registered_at,
            cast(registration_date as date) as registration_date,
            last_active as last_active_at
        from users

    )

select *
from renamed
