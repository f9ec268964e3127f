with

    products as (select * from {{ source("mongodb", "products") }}),

    renamed as (

        select
            product_id,
            name as product_name,
            category_id,
            subcategory_id,
            {{ money("base_price") }} as base_price,
            current_stock,
            is_active,
            creation_date as created_at,
            cast(creation_date as date) as created_date
        from products

    )

select *
from renamed
