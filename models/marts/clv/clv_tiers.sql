with

    clv as (select * from {{ ref("clv") }}),

    cuts as (select percentile(clv, array({{ var("clv_tier_quantiles") | join(", ") }})) as values from clv),

    -- A tier begins above its cut, so equal values are in one tier whatever the cuts are.
    tiered as (

        select
            clv.user_id,
            clv.clv,
            clv.past_spend,
            cume_dist() over (order by clv.clv) as clv_position,
            case
                when clv.clv > cuts.values[2]
                then 4
                when clv.clv > cuts.values[1]
                then 3
                when clv.clv > cuts.values[0]
                then 2
                else 1
            end as tier_order,
            cuts.values
        from clv
        cross join cuts

    ),

    named as (

        select
            user_id,
            element_at(array('bronze', 'silver', 'gold', 'platinum'), tier_order) as tier,
            tier_order,
            clv,
            past_spend,
            round(clv_position, 6) as clv_position,
            if(tier_order = 1, null, {{ money("values[tier_order - 2]") }}) as tier_cut,
            if(
                tier_order = 1,
                null,
                cast(array({{ var("clv_tier_quantiles") | join(", ") }})[tier_order - 2] as double)
            ) as tier_cut_position
        from tiered

    )

select *
from named
