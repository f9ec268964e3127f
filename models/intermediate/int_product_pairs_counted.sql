with

    order_items as (select * from {{ ref("int_order_items_priced") }}),

    sessions as (select * from {{ ref("int_sessions_enriched") }}),

    baskets as (

        select 'basket' as pair_kind, array_sort(collect_set(product_id)) as products
        from order_items
        where product_id is not null
        group by transaction_id

    ),

    viewed as (

        select 'co_view' as pair_kind, viewed_product_ids as products from sessions where size(viewed_product_ids) > 0

    ),

    sets as (

        select pair_kind, products
        from baskets
        where size(products) <= {{ var("affinity_max_products") }}
        union all
        select pair_kind, products
        from viewed
        where size(products) <= {{ var("affinity_max_products") }}

    ),

    set_totals as (select pair_kind, count(*) as set_count from sets group by pair_kind),

    product_counts as (

        select pair_kind, product_id, count(*) as product_set_count
        from sets
        lateral view explode(products) as product_id
        group by pair_kind, product_id

    ),

    kind_totals as (

        select set_totals.pair_kind, set_totals.set_count, count(*) as product_count
        from set_totals
        inner join product_counts on set_totals.pair_kind = product_counts.pair_kind
        group by set_totals.pair_kind, set_totals.set_count

    ),

    -- Products of a set are sorted, so a pair comes in one order only, and never a product with itself.
    pairs as (

        select
            pair_kind,
            inline(
                flatten(
                    transform(
                        products,
                        (one, position) -> transform(
                            slice(products, position + 2, size(products)),
                            other -> struct(one as product_a, other as product_b)
                        )
                    )
                )
            )
        from sets
        where size(products) >= 2

    ),

    pair_counts as (

        select pair_kind, product_a, product_b, count(*) as pair_count
        from pairs
        group by pair_kind, product_a, product_b
        having
            count(*) >= case
                pair_kind when 'basket' then {{ var("affinity_min_support") }} else {{ var("coview_min_support") }}
            end

    ),

    counted as (

        select
            pair_counts.pair_kind,
            pair_counts.product_a,
            pair_counts.product_b,
            pair_counts.pair_count,
            counts_a.product_set_count as product_a_count,
            counts_b.product_set_count as product_b_count,
            kind_totals.set_count,
            kind_totals.product_count
        from pair_counts
        inner join
            product_counts as counts_a
            on pair_counts.pair_kind = counts_a.pair_kind
            and pair_counts.product_a = counts_a.product_id
        inner join
            product_counts as counts_b
            on pair_counts.pair_kind = counts_b.pair_kind
            and pair_counts.product_b = counts_b.product_id
        inner join kind_totals on pair_counts.pair_kind = kind_totals.pair_kind

    )

select *
from counted
