with

    categories as (select * from {{ source("mongodb", "categories") }}),

    exploded as (select category_id, explode(subcategories) as subcategory from categories),

    renamed as (

        select
            subcategory.subcategory_id as subcategory_id,
            category_id,
            subcategory.name as subcategory_name,
            subcategory.profit_margin as profit_margin
        from exploded

    )

select *
from renamed
