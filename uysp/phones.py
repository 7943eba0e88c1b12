"""Phone numbers as the models match them."""

# The last ten digits of a record's phone without an extension; NULL where there are fewer (spec/metrics.md section 7;
# the same rule as in dbt_project/macros/create_value_functions.sql, phone_key, for tables whose cells are in `fields`).
PHONE_KEY = """
    (select case when length(digits) >= 10 then right(digits, 10) end from (
        select regexp_replace(substring(fields ->> 'Phone' from '^[^0-9]*([0-9][^[:alpha:]#;,]*)'), '[^0-9]', '', 'g')
    ) as plain (digits))
"""
