with

    sessions as (select * from hbase.sessions),

    exploded as (select session_id, user_id, posexplode(page_views) as (position, page_view) from sessions),

    renamed as (

        select
            session_id,
            position + 1 as page_view_number,
            user_id,
            page_view.timestamp as viewed_at,
            cast(page_view.timestamp as date) as view_date,
            page_view.page_type as page_type,
            page_view.product_id as product_id,
            page_view.category_id as category_id,
            page_view.view_duration as view_seconds
        from exploded

    )

select *
from renamed
