with

    pairs as (select * from {{ ref("int_product_pairs_scored") }}),

    basket_pairs as (

        select
            product_a,
            product_b,
            pair_count as basket_count,
            product_a_count,
            product_b_count,
            set_count as all_basket_count,
            expected_count,
            support,
            confidence_a_to_b,
            confidence_b_to_a,
            lift,
            lift_low,
            lift_high,
            similarity,
            p_value,
            adjusted_p_value,
            is_beyond_chance
        from pairs
        where pair_kind = 'basket'

    )

select *
from basket_pairs
