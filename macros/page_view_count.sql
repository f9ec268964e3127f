{# How many page views a session's array holds, of one page type or of all. #}
{% macro page_view_count(page_type=none) -%}
    {%- if page_type is none -%} coalesce(size(page_views), 0)
    {%- else -%} coalesce(size(filter(page_views, view -> view.page_type = '{{ page_type }}')), 0)
    {%- endif -%}
{%- endmacro %}
