"""The pace at which all processes together ask Airtable, and the ledger of their calls.

`app.airtable_pace`: one row for each base and each token, with what was sent lately and who waits.
`app.airtable_calls`: requests by client, day (UTC) and kind; `app.airtable_months`: their sum, for the monthly plan.
`app.take_airtable_call`: whether a request may be sent now, else for how long to wait; one statement, so that a process
that dies leaves nothing behind. Nothing is reserved ahead: whoever waits asks again, so a person's write never stands
behind what was promised to a sweep.

Rows are written again where they were found (ctid) and not looked up a second time: while a load is open, Postgres
keeps every version of a row that was written since, and each look-up passes all of them.
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
            -- Requests come evenly: when the next one may go, of any kind and of background reads.
            next_at timestamptz not null default '-infinity',
            next_background_at timestamptz not null default '-infinity',
            -- When the latest ones went, newest first: no second may hold more than is allowed.
            recent timestamptz[] not null default '{}',
            recent_background timestamptz[] not null default '{}',
            -- Until when somebody of each kind, in the order of their ranks, is about to ask again.
            waiting timestamptz[] not null default '{-infinity,-infinity,-infinity,-infinity}',
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
            -- Faster than this only emulators are asked: evenly, but not counted second by second.
            fastest constant integer := 100;
            -- Whoever comes so late to a turn does not push those after it back: that would lose some of the rate.
            late constant interval := '50 milliseconds';
            -- So long the turn of somebody who waits is kept for them: to wake up and to ask again.
            patience constant interval := '50 milliseconds';
            base record;
            token record;
            moment timestamptz;
            this_month date;
            this_month_so_far record;
            most integer;
            most_in_background integer;
            most_of_token integer := case when token_ceiling <= fastest then ceil(token_ceiling) else 50 end;
            turn interval;
            background_turn interval;
            earliest timestamptz;
        begin
            -- Waiting for the disk would cost more than all else. What the end of a database server loses of it, some
            -- tenths of a second, has passed before it is back.
            perform set_config('synchronous_commit', 'off', true);
            loop
                select pace.ctid as place, pace.* into base
                from app.airtable_pace as pace where scope = base_scope for update;
                select pace.ctid as place, pace.* into token
                from app.airtable_pace as pace where scope = token_scope for update;
                if base.place is null or token.place is null then
                    insert into app.airtable_pace (scope) values (base_scope), (token_scope) on conflict do nothing;
                    continue;
                end if;
                moment := coalesce(given_now, clock_timestamp());
                exit when greatest(base.recent[1], token.recent[1], '-infinity') <= moment + interval '1 minute';
                -- The clock was set back; nobody should wait until it shows the old time again.
                update app.airtable_pace set
                    next_at = default, next_background_at = default, recent = default, recent_background = default,
                    waiting = default, locked_until = default, slowed_until = default, blocked_until = default
                where scope in (base_scope, token_scope);
            end loop;

            this_month := date_trunc('month', moment at time zone 'UTC');
            select so_far.ctid as place, so_far.calls into this_month_so_far
            from app.airtable_months as so_far where month = this_month for update;
            if rank > 0 and base.blocked_until > moment then
                said := 'blocked';
                return;
            end if;
            if rank > 0 and coalesce(this_month_so_far.calls, 0) >= most_this_month then
                said := 'spent';
                return;
            end if;

            if base.slowed_until > moment then
                rate := rate / 2;
                ceiling := ceiling / 2;
            end if;
            most := case when ceiling <= fastest then ceil(ceiling) else 5 end;
            most_in_background := case when rate <= fastest then ceil(rate) else 5 end;
            turn := make_interval(secs => 1 / ceiling);
            background_turn := make_interval(secs => 1 / rate);
            earliest := greatest(
                base.locked_until,
                token.locked_until,
                base.next_at,
                base.recent[most] + make_interval(secs => most / ceiling),
                token.recent[most_of_token] + make_interval(secs => most_of_token / token_ceiling)
            );
            if rank > 0 then
                earliest := greatest(
                    earliest,
                    base.next_background_at,
                    base.recent_background[most_in_background] + make_interval(secs => most_in_background / rate)
                );
                if earliest <= moment then
                    select greatest(earliest, max(until)) into earliest from unnest(base.waiting[1:rank]) as until;
                end if;
            end if;
            if earliest > moment then
                wait := extract(epoch from earliest - moment);
                update app.airtable_pace set waiting[rank + 1] = earliest + patience where ctid = base.place;
                return;
            end if;

            wait := 0;
            -- Others of this kind who waited for the same turn have a mark again before the next one.
            base.waiting[rank + 1] := '-infinity';
            if rank > 0 then
                base.next_background_at := background_turn + case
                    when base.next_background_at > moment - least(background_turn, late) then base.next_background_at
                    else moment
                end;
                base.recent_background := (moment || base.recent_background)[1:most_in_background];
            end if;
            update app.airtable_pace set
                next_at = turn + case when next_at > moment - least(turn, late) then next_at else moment end,
                next_background_at = base.next_background_at,
                recent = (moment || recent)[1:most],
                recent_background = base.recent_background,
                waiting = base.waiting
            where ctid = base.place;
            update app.airtable_pace set recent = (moment || recent)[1:most_of_token] where ctid = token.place;
            insert into app.airtable_calls as known (client, day, kind, calls)
            values (for_client, (moment at time zone 'UTC')::date, for_kind, 1)
            on conflict (client, day, kind) do update set calls = known.calls + 1;
            if this_month_so_far.place is null then
                insert into app.airtable_months as known (month, calls) values (this_month, 1)
                on conflict (month) do update set calls = known.calls + 1;
            else
                update app.airtable_months set calls = calls + 1 where ctid = this_month_so_far.place;
            end if;
        end $$;

        -- A base was asked too fast: silence for all, and half the rate for ten minutes if that was not us. The token's
        -- other bases are silent too if so much was asked with it that its own limit may have been meant. Answers to
        -- what was under way before the silence tell nothing new: then NULL.
        create function app.lock_airtable_out(
            base_scope text, token_scope text, base_limit integer, token_limit integer, given_now timestamptz
        ) returns boolean language plpgsql as $$
        declare
            base record;
            token record;
            moment timestamptz;
            is_news boolean;
            by_token boolean;
            by_us boolean;
        begin
            select pace.* into base from app.airtable_pace as pace where scope = base_scope for update;
            select pace.* into token from app.airtable_pace as pace where scope = token_scope for update;
            moment := coalesce(given_now, clock_timestamp());
            is_news := base.locked_until <= moment;
            select count(*) >= token_limit into by_token
            from unnest(token.recent) as sent where sent > moment - interval '1 second';
            select count(*) >= base_limit or by_token into by_us
            from unnest(base.recent) as sent where sent > moment - interval '1 second';
            update app.airtable_pace set
                locked_until = moment + interval '30 seconds',
                slowed_until = case when is_news and not by_us then moment + interval '10 minutes' else slowed_until end
            where scope = base_scope or (scope = token_scope and by_token);
            return case when is_news then by_us end;
        end $$;
    """)
