with

    pairs as (select * from {{ ref("int_product_pairs_scored") }}),

    viewed_pairs as (

        select
            product_a,
            product_b,
            pair_count as session_count,
            product_a_count,
            product_b_count,
            set_count as all_session_count,
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
        where pair_kind = 'co_view'

    )

select *
from viewed_pairs
