{# How many rows reached each stage or a later one, from view to purchase. #}
{% macro stage_counts() -%}
    array(
        count_if(stage_order >= 1), count_if(stage_order >= 2), count_if(stage_order >= 3), count_if(stage_order >= 4)
    )
{%- endmacro %}
