{% test is_short(model, column_name, length=10) %}
select * from {{ model }} where length({{ column_name }}) > {{ length }}
{% endtest %}
