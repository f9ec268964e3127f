{# part / whole as a double of six decimals; null where the whole is 0 or null. #}
{% macro share(part, whole) -%} round(cast(try_divide({{ part }}, {{ whole }}) as double), 6) {%- endmacro %}
