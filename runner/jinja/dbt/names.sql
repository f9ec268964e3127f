{#- Names of schemas and tables, and small things that packages expect of dbt. -#}

{% macro default__generate_schema_name(custom_schema_name=none, node=none) -%}
{{ target.schema if custom_schema_name is none else target.schema ~ "_" ~ (custom_schema_name | trim) }}
{%- endmacro %}

{% macro generate_schema_name_for_env(custom_schema_name=none, node=none) -%}
{{ (custom_schema_name | trim) if target.name == "prod" and custom_schema_name is not none else target.schema }}
{%- endmacro %}

{% macro default__generate_alias_name(custom_alias_name=none, node=none) -%}
{{ (custom_alias_name | trim) if custom_alias_name else node.name }}
{%- endmacro %}

{% macro default__generate_database_name(custom_database_name=none, node=none) %}{% endmacro %}

{% macro default__partition_range(raw_partition_date, date_fmt='%Y%m%d') %}{{ return([raw_partition_date]) }}{% endmacro %}
