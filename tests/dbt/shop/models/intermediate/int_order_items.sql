{{ config(materialized='ephemeral') }}
select * from {{ ref('stg_orders') }} join {{ ref('stg_items') }} using (order_id)
