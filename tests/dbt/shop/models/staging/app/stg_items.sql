select * from {{ source('app', 'items') }}
