{#
    How staging models read cells. A model names its fields by kind once, in a dictionary:
        {% set fields = {'text': ['Email'], 'select': [], 'count': [], 'number': [], 'date': [], 'checkbox': []} %}
    airtable_cells(fields) unpacks them in one pass over the jsonb (a `->>` for each would decompress it each time) and
    parses numbers and dates once, for their value and for what is wrong with them (the OFFSET keeps Postgres from
    putting the parsing where its result stands). The macros below read one cell each.
#}
{% macro airtable_cells(fields) -%}
    cross join lateral jsonb_to_record(versions.fields) as cells (
        {%- for field in fields.values() | sum(start=[]) %}
        "{{ field }}" jsonb{{ "," if not loop.last }}
        {%- endfor %}
    )
    {%- set numbers, dates = fields.get('count', []) + fields.get('number', []), fields.get('date', []) %}
    {%- if numbers or dates %}
    cross join lateral (
        select
            {%- for field in numbers %}
            staging.airtable_number(cells."{{ field }}") as "{{ field }}"{{ "," if dates or not loop.last }}
            {%- endfor %}
            {%- for field in dates %}
            staging.airtable_timestamp(cells."{{ field }}", versions.observed_at) as "{{ field }}"
            {{- "," if not loop.last }}
            {%- endfor %}
        from (values (0)) as once
        order by once.column1
        offset 0
    ) as parsed
    {%- endif %}
{%- endmacro %}

{% macro airtable_text(field) %}staging.airtable_text(cells."{{ field }}"){% endmacro %}

{% macro airtable_checkbox(field) %}staging.airtable_checkbox(cells."{{ field }}"){% endmacro %}

{% macro airtable_number(field) %}parsed."{{ field }}"::double precision{% endmacro %}

{% macro airtable_count(field) %}staging.count_of(parsed."{{ field }}", {{ highest_count(field) }}){% endmacro %}

{% macro airtable_timestamp(field) %}parsed."{{ field }}"{% endmacro %}

{% macro highest_count(field) %}{{ 100 if field == 'SMS Sequence Position' else 1000000 }}{% endmacro %}

{# A select's value, or a list of them, under present names. #}
{% macro airtable_select(table, field) -%}
    case jsonb_typeof(cells."{{ field }}")
        when 'array'
            then staging.airtable_text((
                select
                    jsonb_agg(
                        coalesce(to_jsonb({{ present_option_name(table, field, "item #>> '{}'") }}), item)
                        order by place
                    )
                from jsonb_array_elements(cells."{{ field }}") with ordinality as items (item, place)
            ))
        else coalesce(
            {{ present_option_name(table, field, 'cells."' ~ field ~ '" #>> \'{}\'') }},
            staging.airtable_text(cells."{{ field }}")
        )
    end
{%- endmacro %}

{# The present name of the option that had this name when the version was observed; NULL where that is its name still. #}
{% macro present_option_name(table, field, name) -%}
    (
        select min(renamed_options.present_name)
        from {{ ref('base_uysp__renamed_options') }} as renamed_options
        where
            renamed_options.client = versions.client
            and renamed_options.source_table = '{{ table }}'
            and renamed_options.field = '{{ field }}'
            and renamed_options.name = {{ name }}
            and versions.observed_at >= renamed_options.seen_from
            and versions.observed_at < renamed_options.seen_to
    )
{%- endmacro %}

{# What is wrong with a version, as an array of [field, rule, value as text]: spec/metrics.md section 1, row issue. #}
{% macro airtable_issues(fields, more=[]) -%}
    {%- set readable = [] %}
    {%- for kind in ['text', 'select', 'count', 'number', 'date'] %}
    {%- do readable.extend(fields.get(kind, [])) %}
    {%- endfor %}
    to_jsonb(array_remove(
        array[
            {%- for field in fields.get('count', []) %}
            case
                when staging.is_bad_count(cells."{{ field }}", parsed."{{ field }}", {{ highest_count(field) }})
                    then {{ airtable_issue(field, 'bad_count') }}
            end,
            {%- endfor %}
            {%- for field in fields.get('number', []) %}
            case
                when parsed."{{ field }}" is null and not staging.is_empty_number(cells."{{ field }}")
                    then {{ airtable_issue(field, 'unreadable_number') }}
            end,
            {%- endfor %}
            {%- for field in fields.get('date', []) %}
            case
                when parsed."{{ field }}" is null and not staging.is_empty_date(cells."{{ field }}")
                    then {{ airtable_issue(field, 'bad_date') }}
            end,
            {%- endfor %}
            {%- for issue in more %}
            {{ issue }},
            {%- endfor %}
            null
        ]::jsonb[] || case
            -- Looked for in all cells at once, because hardly any version has one.
            when strpos(versions.fields::text, U&'\FFFD') > 0
                then array[
                    {%- for field in readable %}
                    case
                        when strpos(cells."{{ field }}" #>> '{}', U&'\FFFD') > 0
                            then {{ airtable_issue(field, 'unstorable_character') }}
                    end{{ "," if not loop.last }}
                    {%- endfor %}
                ]::jsonb[]
        end,
        null
    ))
{%- endmacro %}

{% macro airtable_issue(field, rule) -%}
    jsonb_build_array('{{ field }}', '{{ rule }}', cells."{{ field }}" #>> '{}')
{%- endmacro %}
