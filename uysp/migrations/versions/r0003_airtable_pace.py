"""The pace at which all processes together ask Airtable, and the ledger of their calls.

`app.airtable_pace`: one row for each base and each token, with when the next request may go and who waits for it.
`app.airtable_calls`: requests by client, day (UTC) and kind; `app.airtable_months`: their sum, for the monthly plan.
`app.take_airtable_call`: whether a request may be sent now, else for how long to wait; one statement, so that a process
that dies leaves nothing behind. Nothing is reserved ahead: whoever waits asks again, so a person's write never stands
behind what was promised to a sweep.
"""

from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.execute("""
        create table app.airtable_pace (
            scope text primary key,
            next_at timestamptz not null default '-infinity',
            next_background_at timestamptz not null default '-infinity',
            -- Until when somebody of each kind, in the order of their ranks, is about to ask again.
            waiting timestamptz[] not null default '{-infinity,-infinity,-infinity,-infinity}',
            recent timestamptz[] not null default '{}',
            locked_until timestamptz not null default '-infinity',
            slowed_until timestamptz not null default '-infinity',
            blocked_until timestamptz not null default '-infinity'
        );
        create table app.airtable_calls (
            client text not null,
            day date not null,
            kind text not null,
            calls bigint not null,
            primary key (client, day, kind)
        );
        create table app.airtable_months (month date primary key, calls bigint not null);
    """)
    op.execute("""
        create function app.take_airtable_call(
            base_scope text, token_scope text, for_client text, for_kind text, rank integer,
            rate float8, ceiling float8, token_ceiling float8, most_this_month bigint, given_now timestamptz,
            out wait float8, out said text
        ) language plpgsql as $$
        declare
            moment timestamptz;
            base app.airtable_pace;
            token app.airtable_pace;
            earliest timestamptz;
            used bigint;
            this_month date;
            lateness constant interval := '10 milliseconds';
        begin
            insert into app.airtable_pace (scope)
            select scope from unnest(array[base_scope, token_scope]) as given (scope)
            where not exists (select from app.airtable_pace as known where known.scope = given.scope)
            order by scope on conflict do nothing;
            perform from app.airtable_pace where scope in (base_scope, token_scope) order by scope for update;
            select * into base from app.airtable_pace where scope = base_scope;
            select * into token from app.airtable_pace where scope = token_scope;
            moment := coalesce(given_now, clock_timestamp());
            this_month := date_trunc('month', moment at time zone 'UTC');
            if rank > 0 then
                if base.blocked_until > moment then
                    said := 'blocked';
                    return;
                end if;
                select calls into used from app.airtable_months where month = this_month;
                if used >= most_this_month then
                    said := 'spent';
                    return;
                end if;
            end if;
            if greatest(base.slowed_until, token.slowed_until) > moment then
                rate := rate / 2;
                ceiling := ceiling / 2;
            end if;
            earliest := greatest(base.locked_until, token.locked_until, base.next_at, token.next_at);
            if rank > 0 then
                earliest := greatest(earliest, base.next_background_at);
            end if;
            if earliest <= moment and exists (
                select from unnest(base.waiting[1:rank]) as until where until > moment
            ) then
                earliest := moment + make_interval(secs => 1 / ceiling);
            end if;
            if earliest > moment then
                wait := extract(epoch from earliest - moment);
                base.waiting[rank + 1] := earliest + interval '50 milliseconds';
                update app.airtable_pace set waiting = base.waiting where scope = base_scope;
                return;
            end if;
            wait := 0;
            -- Whoever comes a little late does not push those after him back: that would lose some of the rate.
            update app.airtable_pace set
                next_at = greatest(next_at, moment - least(lateness, make_interval(secs => 0.05 / ceiling)))
                    + make_interval(secs => 1 / ceiling),
                next_background_at = case when rank = 0 then next_background_at else
                    greatest(next_background_at, moment - least(lateness, make_interval(secs => 0.05 / rate)))
                    + make_interval(secs => 1 / rate)
                end,
                recent = (array_prepend(moment, recent))[1:60]
            where scope = base_scope;
            update app.airtable_pace set
                next_at = greatest(next_at, moment - make_interval(secs => 0.05 / token_ceiling))
                    + make_interval(secs => 1 / token_ceiling),
                recent = (array_prepend(moment, recent))[1:60]
            where scope = token_scope;
            insert into app.airtable_calls as known (client, day, kind, calls)
            values (for_client, (moment at time zone 'UTC')::date, for_kind, 1)
            on conflict (client, day, kind) do update set calls = known.calls + 1;
            insert into app.airtable_months as known (month, calls) values (this_month, 1)
            on conflict (month) do update set calls = known.calls + 1;
        end $$;

        -- A base was asked too fast: silence for all, and half the rate for ten minutes if that was not us.
        create function app.lock_airtable_out(
            base_scope text, token_scope text, base_limit integer, token_limit integer, given_now timestamptz
        ) returns boolean language plpgsql as $$
        declare
            moment timestamptz := coalesce(given_now, clock_timestamp());
            by_us boolean;
        begin
            select bool_or(
                (
                    select count(*) from unnest(recent) as call where call > moment - interval '1 second'
                ) >= case when scope = base_scope then base_limit else token_limit end
            ) into by_us
            from app.airtable_pace where scope in (base_scope, token_scope);
            perform from app.airtable_pace where scope in (base_scope, token_scope) order by scope for update;
            update app.airtable_pace set
                locked_until = greatest(locked_until, moment + interval '30 seconds'),
                slowed_until = case when by_us then slowed_until else moment + interval '10 minutes' end
            where scope = base_scope;
            return by_us;
        end $$;
    """)
