with

    pairs as (select * from {{ ref("int_product_pairs_counted") }}),

    -- A sum of Poisson probabilities starts at the count and goes up where the count exceeds what chance expects,
    -- else at
    -- the one below it and goes down. ln n! is exact up to 20; above it Stirling's series is, to 1e-10.
    starts as (

        select
            pair_kind,
            product_a,
            product_b,
            pair_count,
            product_a_count,
            product_b_count,
            set_count,
            product_count * (product_count - 1) / 2 as tested_pair_count,
            cast(product_a_count as double) * product_b_count / set_count as expected_count,
            pair_count > expected_count as is_above_expected,
            if(is_above_expected, pair_count, pair_count - 1) as start_count,
            case
                when start_count <= 20
                then ln(factorial(cast(start_count as int)))
                else
                    (start_count + 0.5d) * ln(start_count)
                    - start_count
                    + 0.5d * ln(2 * pi())
                    + 1 / (12d * start_count)
                    - 1 / (360d * power(start_count, 3))
            end as log_factorial,
            exp(start_count * ln(expected_count) - expected_count - log_factorial) as start_probability
        from pairs

    ),

    -- Terms shrink from the start on; after ten standard deviations nothing is left to add.
    tails as (

        select
            pair_kind,
            product_a,
            product_b,
            pair_count,
            product_a_count,
            product_b_count,
            set_count,
            tested_pair_count,
            expected_count,
            start_probability * aggregate(
                sequence(1, cast(10 * sqrt(greatest(pair_count, expected_count)) as int) + 50),
                struct(1d as term, 0d as total),
                (state, step) -> struct(
                    state.term * if(
                        is_above_expected,
                        expected_count / (start_count + step),
                        (start_count + 1 - step) / expected_count
                    ) as term,
                    state.total + state.term as total
                ),
                state -> state.total
            ) as tail,
            greatest(0d, least(1d, if(is_above_expected, tail, 1 - tail))) as p_value
        from starts

    ),

    -- The interval is Byar's approximation of the exact one of a Poisson count.
    scored as (

        select
            pair_kind,
            product_a,
            product_b,
            pair_count,
            product_a_count,
            product_b_count,
            set_count,
            round(expected_count, 6) as expected_count,
            {{ share("pair_count", "set_count") }} as support,
            {{ share("pair_count", "product_a_count") }} as confidence_a_to_b,
            {{ share("pair_count", "product_b_count") }} as confidence_b_to_a,
            round(pair_count / tails.expected_count, 6) as lift,
            round(
                pair_count
                * power(1 - 1 / (9d * pair_count) - {{ var("confidence_z") }}d / (3 * sqrt(pair_count)), 3)
                / tails.expected_count,
                6
            ) as lift_low,
            round(
                (pair_count + 1)
                * power(1 - 1 / (9d * (pair_count + 1)) + {{ var("confidence_z") }}d / (3 * sqrt(pair_count + 1)), 3)
                / tails.expected_count,
                6
            ) as lift_high,
            round(pair_count / sqrt(cast(product_a_count as double) * product_b_count), 6) as similarity,
            p_value,
            least(1d, p_value * tested_pair_count) as adjusted_p_value,
            adjusted_p_value < {{ var("affinity_significance") }} as is_beyond_chance
        from tails

    )

select *
from scored
