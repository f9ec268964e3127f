{# Columns of a funnel with one row per stage: against the stage before, against the first one, and what was lost. #}
{% macro conversions(within) %}
    {{ share("count", "lag(count) over (partition by " ~ within ~ " order by stage_order)") }} as step_conversion,
    {{ share("count", "first_value(count) over (partition by " ~ within ~ " order by stage_order)") }}
    as overall_conversion,
    lag(count) over (partition by {{ within }} order by stage_order) - count as drop_off
{% endmacro %}
