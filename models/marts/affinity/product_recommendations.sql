with

    basket_pairs as (select * from {{ ref("product_affinity") }}),

    viewed_pairs as (select * from {{ ref("product_coviews") }}),

    pairs as (

        select product_a, product_b, similarity as basket_similarity, 0d as coview_similarity, is_beyond_chance
        from basket_pairs
        union all
        select product_a, product_b, 0d as basket_similarity, similarity as coview_similarity, is_beyond_chance
        from viewed_pairs

    ),

    -- Pairs are unordered; a recommendation goes both ways.
    directed as (

        select
            product_a as product_ref,
            product_b as recommended_product,
            basket_similarity,
            coview_similarity,
            is_beyond_chance
        from pairs
        union all
        select
            product_b as product_ref,
            product_a as recommended_product,
            basket_similarity,
            coview_similarity,
            is_beyond_chance
        from pairs

    ),

    scored as (

        select
            product_ref,
            recommended_product,
            max(basket_similarity) as basket_similarity,
            max(coview_similarity) as coview_similarity,
            round(
                {{ var("recommendation_basket_weight") }}d * max(basket_similarity)
                + (1 - {{ var("recommendation_basket_weight") }}d) * max(coview_similarity),
                6
            ) as score,
            bool_or(is_beyond_chance) as is_beyond_chance
        from directed
        group by product_ref, recommended_product

    ),

    -- What chance explains as well comes last.
    ranked as (

        select
            product_ref,
            recommended_product,
            row_number() over (
                partition by product_ref order by is_beyond_chance desc, score desc, recommended_product
            ) as rank,
            score,
            basket_similarity,
            coview_similarity,
            is_beyond_chance
        from scored

    ),

    recommended as (

        select product_ref, recommended_product, rank, score, basket_similarity, coview_similarity, is_beyond_chance
        from ranked
        where rank <= {{ var("recommendations_per_product") }}

    )

select *
from recommended
