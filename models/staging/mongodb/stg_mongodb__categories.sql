with

    categories as (select * from {{ source("mongodb", "categories") }}),

    renamed as (

        select category_id, name as category_name, coalesce(size(subcategories), 0) as subcategory_count from categories

    )

select *
from renamed
