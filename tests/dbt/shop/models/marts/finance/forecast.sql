{{ config(group='growth') }}
select * from {{ ref('revenue_by_country') }} cross join {{ ref('customers_history') }}
