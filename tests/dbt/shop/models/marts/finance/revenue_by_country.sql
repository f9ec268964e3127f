{{ config(materialized='view', enabled=true, meta={'priority': 'high'}) }}
select * from {{ ref('revenue') }}
