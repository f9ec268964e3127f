{{ config(materialized='incremental', unique_key='id', tags=['hourly']) }}
select * from {{ ref('stg_sessions') }} left join {{ ref('customers') }} using (id)
