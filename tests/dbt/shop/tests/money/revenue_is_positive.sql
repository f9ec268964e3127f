{{ config(severity='warn', tags=['money'], group='finance') }}
select * from {{ ref('revenue') }} where total < 0
