{#
    The value rules of spec/metrics.md section 1, each once, as functions of the schema staging.

    Functions, not expressions: a rule needs its value many times, and what can be cast is known only step by step,
    which Postgres does not promise within one expression (constant folding, predicates moved below a guard).
    They must hold from Postgres 15 on (no pg_input_is_valid) and whatever the session's time zone and date style.
    Letters are told from other characters by Unicode, not by the locale that the database happens to have.
    The lock keeps two runs from replacing a function at the same moment, which Postgres answers with an error.
#}
{% macro create_value_functions() %}
{%- set unicode = unicode_collation() %}
select pg_advisory_xact_lock(hashtext('uysp.value_functions'));

-- Unicode white space (the property White_Space) trimmed, NFC; empty is NULL. ASCII needs no normalising.
create or replace function staging.clean_text(value text) returns text
language sql immutable parallel safe
return nullif(
    btrim(
        case when octet_length(value) = length(value) then value else normalize(value, nfc) end,
        U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A'
        '\2028\2029\202F\205F\3000'
    ),
    ''
);

create or replace function staging.list_text(value jsonb) returns text
language sql immutable parallel safe
return (
    select staging.clean_text(string_agg(
        case when jsonb_typeof(item) <> 'object' then staging.clean_text(item #>> '{}') end, ', ' order by place
    ))
    from jsonb_array_elements(value) with ordinality as items (item, place)
);

create or replace function staging.airtable_text(value jsonb) returns text
language sql immutable parallel safe
return case jsonb_typeof(value)
    when 'object' then null
    when 'array' then staging.list_text(value)
    else staging.clean_text(value #>> '{}')
end;

create or replace function staging.airtable_checkbox(value jsonb) returns boolean
language sql immutable parallel safe
return coalesce(value = 'true'::jsonb, false);

-- True where there is no number to read and nobody to blame: an empty cell, or a formula that failed.
create or replace function staging.is_empty_number(value jsonb) returns boolean
language sql immutable parallel safe
return case jsonb_typeof(value)
    when 'string' then staging.clean_text(value #>> '{}') is null
    when 'object' then value ?| array['specialValue', 'error']
    when 'null' then true
    else value is null
end;

-- NULL where there is none. What a double cannot hold is no number; what is nearer to 0 than a double can be is 0.
create or replace function staging.airtable_number(value jsonb) returns numeric
language plpgsql immutable parallel safe
as $$
declare
    digits text;
    mantissa text;
    whole text;
    fraction text;
    exponent text;
    result numeric;
begin
    if jsonb_typeof(value) = 'number' then
        result := value::numeric;
    elsif jsonb_typeof(value) = 'string' then
        digits := lower(staging.clean_text(value #>> '{}'));
        if digits is null or digits !~ '^[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:e[+-]?[0-9]+)?$' then
            return null;
        end if;
        mantissa := split_part(digits, 'e', 1);
        whole := ltrim(split_part(mantissa, '.', 1), '+-0');
        fraction := split_part(mantissa, '.', 2);
        exponent := ltrim(split_part(digits, 'e', 2), '+-0');
        if length(exponent) > 3 then
            return case when digits like '%e-%' or whole || fraction ~ '^0*$' then 0 end;
        elsif length(whole) > 400 then
            return null;
        end if;
        -- Digits that far behind the point move no double; all of them could be more than numeric takes.
        result := (
            case when mantissa like '-%' then '-0' else '0' end || whole || '.' || left(fraction, 1500)
            || case when digits like '%e-%' then '0e-0' else '0e0' end || exponent
        )::numeric;
    end if;
    if abs(result) > 1.7976931348623157e308 then
        return null;
    elsif abs(result) < 1e-307 then
        return 0;
    end if;
    return result;
end
$$;

-- What a number counts.
create or replace function staging.count_of(number numeric, highest integer) returns integer
language sql immutable parallel safe
return case when number between 0 and highest then floor(number)::integer else 0 end;

create or replace function staging.is_bad_count(value jsonb, number numeric, highest integer) returns boolean
language sql immutable parallel safe
return case
    when number is null then not staging.is_empty_number(value)
    else number < 0 or number > highest or number <> floor(number)
end;

-- Years 2000 to two calendar years after the version was observed; fractions are cut to microseconds.
create or replace function staging.airtable_timestamp(value jsonb, observed_at timestamptz) returns timestamptz
language plpgsql immutable parallel safe
as $$
declare
    -- Year to minute stand at fixed places. (Capturing groups of a pattern this long cost 100 µs a value.)
    cell text;
    seconds text;
    zone text;
    first_of_month date;
    moment timestamp;
begin
    if jsonb_typeof(value) is distinct from 'string' then
        return null;
    end if;
    cell := value #>> '{}';
    -- As Airtable writes what it holds as a date, and a day that every month has: four times as fast as what follows.
    if cell ~ (
        '^20[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])'
        'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{3}Z$'
    )
    then
        moment := left(cell, 23)::timestamp;
        if moment > observed_at at time zone 'UTC' + interval '2 years' then
            return null;
        end if;
        return moment at time zone 'UTC';
    end if;
    cell := staging.clean_text(cell);
    if cell is null or cell !~ (
        '^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])'
        '(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?'
        '(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?$'
    ) then
        return null;
    end if;
    -- An offset can carry the last hours of 1999 over the limit; years before have no such chance (and 0000 no date).
    if substr(cell, 1, 4)::integer < 1999 then
        return null;
    end if;
    first_of_month := make_date(substr(cell, 1, 4)::integer, substr(cell, 6, 2)::integer, 1);
    moment := first_of_month + make_interval(days => substr(cell, 9, 2)::integer - 1);
    if moment >= first_of_month + interval '1 month' then
        return null;
    end if;
    if length(cell) > 10 then
        seconds := replace(ltrim(substring(substr(cell, 17) from '^:[0-9.,]+'), ':'), ',', '.');
        zone := substring(substr(cell, 17) from '[+-].*$');
        moment := moment + make_interval(
            hours => substr(cell, 12, 2)::integer,
            mins => substr(cell, 15, 2)::integer,
            secs => coalesce(left(seconds, 9), '0')::double precision
        );
    end if;
    if zone is not null then
        moment := moment - (left(zone, 1) || '1')::integer
            * make_interval(hours => substr(zone, 2, 2)::integer, mins => substr(zone, 5, 2)::integer);
    end if;
    if moment < timestamp '2000-01-01' or moment > observed_at at time zone 'UTC' + interval '2 years' then
        return null;
    end if;
    return moment at time zone 'UTC';
end
$$;

create or replace function staging.is_empty_date(value jsonb) returns boolean
language sql immutable parallel safe
return case jsonb_typeof(value)
    when 'string' then staging.clean_text(value #>> '{}') is null
    when 'null' then true
    else value is null
end;

-- Campaign names meet by their letters and digits in lower case; a name without any is itself.
create or replace function staging.campaign_key(name text) returns text
language sql immutable parallel safe
return coalesce(
    nullif(lower(regexp_replace(name collate {{ unicode }}, '[^[:alnum:]]', '', 'g')), ''),
    lower(name collate {{ unicode }})
);

-- The letters of a text in upper case, nothing else of it.
create or replace function staging.letters(value text) returns text
language sql immutable parallel safe
return upper(regexp_replace(value collate {{ unicode }}, '[^[:alpha:]]', '', 'g'));

-- The last ten digits; an extension begins at the first letter, '#', ';' or ',' after a digit. NULL if shorter.
create or replace function staging.phone_key(phone text) returns text
language plpgsql immutable parallel safe
as $$
declare
    digits text;
begin
    if phone ~ '^[+]?[0-9]{10,}$' then  -- most are written so, and need no more
        return right(phone, 10);
    end if;
    digits := regexp_replace(
        substring(phone collate {{ unicode }} from '^[^0-9]*([0-9][^[:alpha:]#;,]*)'), '[^0-9]', '', 'g'
    );
    return case when length(digits) >= 10 then right(digits, 10) end;
end
$$;
{% endmacro %}
