select * from {{ source('app', 'users') }} where id is null
