with

    sessions as (select * from {{ source("hbase", "sessions") }}),

    exploded as (select session_id, user_id, explode(cart_contents) as (product_id, item) from sessions),

    renamed as (

        select session_id, product_id, user_id, item.quantity as quantity, {{ money("item.price") }} as unit_price
        from exploded

    )

select *
from renamed
