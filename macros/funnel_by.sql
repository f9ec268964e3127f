{# CTEs `reached`, `stages` and `steps`: the funnel of `sessions`, a CTE with a column `stage_order`, per `dimension`. #}
{% macro funnel_by(sessions, dimension) %}
    reached as (select {{ dimension }}, {{ stage_counts() }} as counts from {{ sessions }} group by {{ dimension }}),

    stages as (

        select
            {{ dimension }},
            array('view', 'cart', 'checkout', 'purchase')[position] as stage,
            position + 1 as stage_order,
            count
        from reached
        lateral view posexplode(counts) as position, count

    ),

    steps as (select {{ dimension }}, stage, stage_order, count, {{ conversions(dimension) }} from stages)
{% endmacro %}
