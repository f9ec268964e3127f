{#- Dates and timestamps. Spans count the boundaries of a unit that lie between two moments; weeks begin on Sunday. -#}

{% macro default__current_timestamp() %}current_timestamp(){% endmacro %}

{% macro default__current_timestamp_in_utc() %}to_utc_timestamp(current_timestamp(), current_timezone()){% endmacro %}

{% macro default__now() %}current_timestamp(){% endmacro %}

{% macro default__date_trunc(datepart, date) %}date_trunc('{{ datepart }}', {{ date }}){% endmacro %}

{% macro default__dateadd(datepart, interval, from_date_or_timestamp) -%}
timestampadd({{ datepart | upper }}, cast({{ interval }} as int), cast({{ from_date_or_timestamp }} as timestamp))
{%- endmacro %}

{% macro default__datediff(first_date, second_date, datepart) -%}
    {%- set unit = (datepart | string).lower() -%}
    {%- if unit == "day" -%}
    datediff(cast({{ second_date }} as date), cast({{ first_date }} as date))
    {%- elif unit == "week" -%}
    cast((datediff(cast({{ second_date }} as date), cast({{ first_date }} as date))
        + dayofweek(cast({{ first_date }} as date)) - dayofweek(cast({{ second_date }} as date))) / 7 as int)
    {%- elif unit == "month" -%}
    ((year({{ second_date }}) - year({{ first_date }})) * 12 + month({{ second_date }}) - month({{ first_date }}))
    {%- elif unit == "quarter" -%}
    ((year({{ second_date }}) - year({{ first_date }})) * 4 + quarter({{ second_date }}) - quarter({{ first_date }}))
    {%- elif unit == "year" -%}
    (year({{ second_date }}) - year({{ first_date }}))
    {%- elif unit in ["hour", "minute", "second", "millisecond", "microsecond"] -%}
    timestampdiff({{ unit | upper }}, date_trunc('{{ unit }}', cast({{ first_date }} as timestamp)),
        date_trunc('{{ unit }}', cast({{ second_date }} as timestamp)))
    {%- else -%}
    {{ exceptions.raise_compiler_error('datediff counts day, week, month, quarter, year, hour, minute, second, millisecond or microsecond, not "' ~ datepart ~ '".') }}
    {%- endif -%}
{%- endmacro %}

{% macro default__last_day(date, datepart) -%}
    {%- if (datepart | string).lower() == "month" -%}
    last_day({{ date }})
    {%- else -%}
    cast(date_add(timestampadd({{ datepart | upper }}, 1, date_trunc('{{ datepart }}', {{ date }})), -1) as date)
    {%- endif -%}
{%- endmacro %}

{% macro default__date(year, month, day) %}make_date({{ year }}, {{ month }}, {{ day }}){% endmacro %}

{% macro default__date_spine(datepart, start_date, end_date) -%}
select explode(sequence(
    cast({{ start_date }} as timestamp),
    timestampadd({{ datepart | upper }}, -1, cast({{ end_date }} as timestamp)),
    interval 1 {{ datepart }}
)) as date_{{ datepart }}
{%- endmacro %}

{% macro default__generate_series(upper_bound) -%}
select explode(sequence(1, cast({{ upper_bound }} as int))) as generated_number
{%- endmacro %}
