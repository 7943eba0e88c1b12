{# For a join that a full refresh does without, because it computes everything anew. #}
{% macro and_not_on_full_refresh() %}{{ 'and false' if flags is defined and flags.FULL_REFRESH }}{% endmacro %}
