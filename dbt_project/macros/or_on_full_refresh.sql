{# For a condition by which a model takes only what is new: on a full refresh it takes everything. #}
{% macro or_on_full_refresh() %}{{ 'or true' if flags is defined and flags.FULL_REFRESH }}{% endmacro %}
