-- The report's pairs: of all that a user ever bought, in any order and years apart, and each pair in both orders.
with

    order_items as (select * from {{ ref("int_order_items_priced") }}),

    purchases as (

        select user_id, array_sort(collect_set(product_id)) as products
        from order_items
        where user_id is not null and product_id is not null
        group by user_id

    ),

    user_totals as (select count(*) as all_user_count from purchases),

    product_counts as (

        select product_id, count(*) as user_count
        from purchases
        lateral view explode(products) as product_id
        group by product_id

    ),

    product_totals as (select count(*) as product_count from product_counts),

    pairs as (

        select
            inline(
                flatten(
                    transform(
                        products,
                        (one, position) -> transform(
                            slice(products, position + 2, size(products)),
                            other -> struct(one as product_one, other as product_other)
                        )
                    )
                )
            )
        from purchases
        where size(products) >= 2

    ),

    pair_counts as (

        select product_one, product_other, count(*) as user_count from pairs group by product_one, product_other

    ),

    best as (

        select product_one, product_other, user_count
        from pair_counts
        order by user_count desc, product_one, product_other
        limit 100

    ),

    mirrored as (

        select product_one as product_a, product_other as product_b, user_count
        from best
        union all
        select product_other as product_a, product_one as product_b, user_count
        from best

    ),

    ranked as (

        select
            mirrored.product_a,
            mirrored.product_b,
            mirrored.user_count,
            counts_a.user_count as product_a_count,
            counts_b.user_count as product_b_count,
            user_totals.all_user_count,
            product_totals.product_count,
            round(
                cast(mirrored.user_count as double)
                * user_totals.all_user_count
                / (counts_a.user_count * counts_b.user_count),
                6
            ) as lift
        from mirrored
        inner join product_counts as counts_a on mirrored.product_a = counts_a.product_id
        inner join product_counts as counts_b on mirrored.product_b = counts_b.product_id
        cross join user_totals
        cross join product_totals

    )

select *
from ranked
