select * from {{ ref('orders') }} left anti join {{ ref('customers') }} using (user_id)
