{# A transaction of any status is an order, unless it was cancelled or given back. #}
{% macro is_order(status) -%} coalesce(lower({{ status }}) not in ('cancelled', 'returned'), true) {%- endmacro %}
