select * from {{ ref('orders') }} cross join {{ ref('rates') }} cross join {{ ref('extra', 'days') }}
