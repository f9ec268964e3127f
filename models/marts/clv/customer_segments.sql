with

    clv as (select * from {{ ref("clv") }}),

    customers as (select user_id, clv, past_spend, order_count from clv where order_count > 0),

    cuts as (

        select
            percentile(clv, array({{ var("segment_quantiles") | join(", ") }})) as value_cuts,
            percentile(order_count, array({{ var("segment_quantiles") | join(", ") }})) as frequency_cuts
        from customers

    ),

    -- A band begins above its cut, so equal values are in one band whatever the cuts are.
    banded as (

        select
            customers.user_id,
            customers.clv,
            customers.past_spend,
            customers.order_count,
            case
                when customers.clv > cuts.value_cuts[1]
                then 'high'
                when customers.clv > cuts.value_cuts[0]
                then 'middle'
                else 'low'
            end as value_band,
            case
                when customers.order_count > cuts.frequency_cuts[1]
                then 'frequent'
                when customers.order_count > cuts.frequency_cuts[0]
                then 'regular'
                else 'rare'
            end as frequency_band,
            {{ money("cuts.value_cuts[0]") }} as value_cut_low,
            {{ money("cuts.value_cuts[1]") }} as value_cut_high,
            cuts.frequency_cuts[0] as frequency_cut_low,
            cuts.frequency_cuts[1] as frequency_cut_high
        from customers
        cross join cuts

    ),

    -- Where the cuts lie in the distribution that they cut: the share of customers at or below each.
    positions as (

        select
            avg(cast(clv <= value_cut_low as int)) as value_cut_low_position,
            avg(cast(clv <= value_cut_high as int)) as value_cut_high_position,
            avg(cast(order_count <= frequency_cut_low as int)) as frequency_cut_low_position,
            avg(cast(order_count <= frequency_cut_high as int)) as frequency_cut_high_position
        from banded

    ),

    segments as (

        select
            banded.user_id,
            concat(banded.value_band, ' value, ', banded.frequency_band) as segment,
            banded.clv,
            banded.past_spend,
            banded.order_count,
            banded.value_band,
            banded.frequency_band,
            banded.value_cut_low,
            banded.value_cut_high,
            banded.frequency_cut_low,
            banded.frequency_cut_high,
            round(positions.value_cut_low_position, 6) as value_cut_low_position,
            round(positions.value_cut_high_position, 6) as value_cut_high_position,
            round(positions.frequency_cut_low_position, 6) as frequency_cut_low_position,
            round(positions.frequency_cut_high_position, 6) as frequency_cut_high_position
        from banded
        cross join positions

    )

select *
from segments
