select u.* from {{ ref('stg_users') }} u join {{ ref('orders') }} o on u.id = o.user_id cross join {{ ref('segments') }}
