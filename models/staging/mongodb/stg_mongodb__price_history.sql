with

    products as (select * from {{ source("mongodb", "products") }}),

    exploded as (select product_id, posexplode(price_history) as (position, entry) from products),

    renamed as (

        select
            product_id,
            position + 1 as price_number,
            {{ money("entry.price") }} as price,
            entry.date as priced_at,
            cast(entry.date as date) as priced_date
        from exploded

    )

select *
from renamed
