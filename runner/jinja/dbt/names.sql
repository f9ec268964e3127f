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

{% macro should_store_failures() %}{{ return(config.get("store_failures", flags.STORE_FAILURES) | as_native) }}{% endmacro %}

{% macro py_current_timestring() %}{{ return(modules.datetime.datetime.now().strftime("%Y%m%d%H%M%S%f")) }}{% endmacro %}

{% macro convert_datetime(date_str, date_fmt) -%}
{{ return(modules.datetime.datetime.strptime(date_str | string, date_fmt)) }}
{%- endmacro %}

{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt="%Y%m%d", out_fmt="%Y%m%d") -%}
{%- set first = convert_datetime(start_date_str, in_fmt) -%}
{%- set last = convert_datetime(end_date_str or start_date_str, in_fmt) -%}
{%- set days = [] -%}
{%- for number in range((last - first).days + 1) -%}
{%- do days.append((first + modules.datetime.timedelta(days=number)).strftime(out_fmt)) -%}
{%- endfor -%}
{{ return(days) }}
{%- endmacro %}
