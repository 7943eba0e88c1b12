{{ config(unique_key=["day"]) }}

select day::date as day
from generate_series(date '2000-01-01', date '2099-12-31', interval '1 day') as days (day)
