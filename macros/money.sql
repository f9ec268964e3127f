{# An amount of money as all models hold it. #}
{% macro money(amount) -%} cast({{ amount }} as decimal(12, 2)) {%- endmacro %}
