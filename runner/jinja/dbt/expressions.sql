{#- Texts, arrays, casts and aggregates. -#}

{% macro default__any_value(expression) %}any_value({{ expression }}){% endmacro %}

{% macro default__bool_or(expression) %}bool_or({{ expression }}){% endmacro %}

{% macro default__concat(fields) %}concat({{ fields | join(', ') }}){% endmacro %}

{% macro default__hash(field) %}md5(cast({{ field }} as string)){% endmacro %}

{% macro default__length(expression) %}length({{ expression }}){% endmacro %}

{% macro default__replace(field, old_chars, new_chars) %}replace({{ field }}, {{ old_chars }}, {{ new_chars }}){% endmacro %}

{% macro default__position(substring_text, string_text) %}position({{ substring_text }}, {{ string_text }}){% endmacro %}

{% macro default__right(string_text, length_expression) %}right({{ string_text }}, {{ length_expression }}){% endmacro %}

{% macro default__split_part(string_text, delimiter_text, part_number) -%}
split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}

{% macro default__listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) -%}
    {%- set order = " within group (" ~ order_by_clause ~ ")" if order_by_clause else "" -%}
    {%- if limit_num -%}
    {%- if order_by_clause -%}
    array_join(slice(split(listagg({{ measure }}, '\u001f'){{ order }}, '\u001f'), 1, {{ limit_num }}), {{ delimiter_text }})
    {%- else -%}
    array_join(slice(collect_list({{ measure }}), 1, {{ limit_num }}), {{ delimiter_text }})
    {%- endif -%}
    {%- else -%}
    listagg({{ measure }}, {{ delimiter_text }}){{ order }}
    {%- endif -%}
{%- endmacro %}

{% macro default__string_literal(value) %}'{{ value }}'{% endmacro %}

{% macro default__escape_single_quotes(expression) %}{{ expression | replace("'", "\\'") }}{% endmacro %}

{% macro default__cast(field, type) %}cast({{ field }} as {{ type }}){% endmacro %}

{% macro default__safe_cast(field, type) %}try_cast({{ field }} as {{ type }}){% endmacro %}

{% macro default__cast_bool_to_text(field) %}cast({{ field }} as string){% endmacro %}

{% macro default__equals(expr1, expr2) %}{{ expr1 }} <=> {{ expr2 }}{% endmacro %}

{% macro default__array_construct(inputs=[], data_type=none) -%}
{% if inputs %}array({{ inputs | join(', ') }}){% elif data_type %}cast(array() as array<{{ data_type }}>){% else %}array(){% endif %}
{%- endmacro %}

{% macro default__array_append(array, new_element) %}array_append({{ array }}, {{ new_element }}){% endmacro %}

{% macro default__array_concat(array_1, array_2) %}concat({{ array_1 }}, {{ array_2 }}){% endmacro %}

{% macro default__except() %}except{% endmacro %}

{% macro default__intersect() %}intersect{% endmacro %}

{% macro default__type_string() %}string{% endmacro %}

{% macro default__type_timestamp() %}timestamp{% endmacro %}

{% macro default__type_int() %}int{% endmacro %}

{% macro default__type_bigint() %}bigint{% endmacro %}

{% macro default__type_float() %}float{% endmacro %}

{% macro default__type_numeric() %}decimal(28, 6){% endmacro %}

{% macro default__type_boolean() %}boolean{% endmacro %}
