# SPDX-License-Identifier: Apache-2.0
"""What the gateway on PostgreSQL is compared with: the same reservation written
the usual way, without any HTTP, run by pgbench on tables that a gateway has
made. Once as six statements, once as a single call of a function in the
database, which also looks up and keeps the idempotency key of every other one.
"""
import json
import os
import re
import subprocess

from postgres import Client, program

BODY = json.dumps({
    "eventId": "x" * 36, "eventType": "AllocationCreated", "eventVersion": "1.0.0",
    "payload": {"allocationId": "x" * 32, "filler": "x" * 760}})
ANSWER = "x" * 350

# Ids are as long as the gateway's, refs ascend, and every id is new.
NEXT = "nextval('rival_ref')"
ORDER = "'ord_' || md5(:a::text || ':' || :b::text)"

SETUP = """
create sequence rival_ref start 1000000 cache 100;

create function rival_reserve(good text, ord_id text, idem text, body text, kept text)
returns text language plpgsql as $$
declare
	now_ms bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
	item_ref bigint; free bigint; ord_ref bigint; stays text;
begin
	if idem is not null then
		select answer into stays from idempotency where key = idem;
		if found then return stays; end if;
	end if;
	select s.ref, s.available - s.reserved into item_ref, free from stock s
		where s.ref = (select i.ref from items i where i.id = good) for update;
	if not found then return 'no item'; end if;
	perform 1 from allocations a join orders o on o.ref = a.ord
		where o.id = ord_id and a.order_item_id = 'item_1' and a.live = 1
		and a.item = item_ref;
	if found then return 'there already'; end if;
	if free < 1 then return 'no stock'; end if;
	insert into orders (ref, version, id, state, live, created_at, updated_at)
		values (nextval('rival_ref'), 1, ord_id, 'OPEN', 1, now_ms, now_ms)
		returning ref into ord_ref;
	update stock set reserved = reserved + 1, version = version + 1,
		updated_at = now_ms where ref = item_ref;
	insert into allocations (ref, version, id, ord, order_item_id, live, item,
		quantity, status, expires_at, due_at, last_event, created_at, updated_at)
		values (nextval('rival_ref'), 1, 'alloc_' || lpad(ord_ref::text, 26, '0'),
		ord_ref, 'item_1', 1, item_ref, 1, 'PENDING', now_ms, now_ms, ord_ref,
		now_ms, now_ms);
	insert into outbox (ref, version, owner, aggregate_type, aggregate_id, exchange,
		routing_key, type, event_id, correlation_id, body, created_at)
		values (nextval('rival_ref'), 1, 'rival', 'Allocation', ord_id,
		'inventory.events', 'inventory.allocation.created', 'AllocationCreated',
		md5(ord_ref::text), ord_id, body, now_ms);
	if idem is not null then
		insert into idempotency (ref, version, key, fingerprint, status, answer,
			created_at) values (nextval('rival_ref'), 1, idem, md5(idem), 201,
			kept, now_ms);
	end if;
	return 'made';
end $$;
"""

CLASSIC = """
\\set i random(0, {last})
\\set a random(0, 9000000000000000000)
\\set b random(0, 9000000000000000000)
begin;
select s.ref, s.available, s.reserved from stock s where s.ref = (select i.ref from items i where i.id = 'inv_' || :i) for update \\gset
select count(*) from allocations a join orders o on o.ref = a.ord where o.id = {order} and a.order_item_id = 'item_1' and a.live = 1 and a.item = :ref;
insert into orders (ref, version, id, state, live, created_at, updated_at) values ({next}, 1, {order}, 'OPEN', 1, 1, 1) returning ref as ord \\gset
update stock set reserved = reserved + 1, version = version + 1, updated_at = 1 where ref = :ref;
insert into allocations (ref, version, id, ord, order_item_id, live, item, quantity, status, expires_at, due_at, last_event, created_at, updated_at) values ({next}, 1, 'alloc_' || lpad(:ord::text, 26, '0'), :ord, 'item_1', 1, :ref, 1, 'PENDING', 9, 9, :ord, 1, 1);
insert into outbox (ref, version, owner, aggregate_type, aggregate_id, exchange, routing_key, type, event_id, correlation_id, body, created_at) values ({next}, 1, 'rival', 'Allocation', {order}, 'inventory.events', 'inventory.allocation.created', 'AllocationCreated', md5(:ord::text), {order}, '{body}', 1);
commit;
"""

FUNCTION = """
\\set i random(0, {last})
\\set a random(0, 9000000000000000000)
\\set b random(0, 9000000000000000000)
\\set c random(0, 1)
select rival_reserve('inv_' || :i, {order}, case when :c = 1 then 'rival/' || md5(:b::text || :a::text) end, '{body}', '{answer}');
"""

SCRIPTS = {"classic": CLASSIC, "function": FUNCTION}


class Rival:
    """conninfo: of a database in which a gateway has made its tables, in schema."""

    def __init__(self, conninfo, schema, folder):
        self.conninfo, self.folder = conninfo, folder
        self.environment = dict(os.environ, PGOPTIONS="-c search_path=" + schema)
        with Client(conninfo, schema) as store:
            store.run(SETUP)

    def measure(self, script, items, clients, seconds):
        """Transactions a second, as pgbench counts them."""
        path = os.path.join(self.folder, script + ".sql")
        with open(path, "w") as f:
            f.write(SCRIPTS[script].format(last=items - 1, order=ORDER, next=NEXT,
                                           body=BODY, answer=ANSWER))
        ran = subprocess.run(
            [program("pgbench"), "-n", "-M", "prepared", "-f", path,
             "-c", str(clients), "-j", "1", "-T", str(max(1, round(seconds))),
             self.conninfo], env=self.environment, capture_output=True, text=True,
            timeout=60 + seconds)
        found = re.search(r"tps = ([0-9.]+)", ran.stdout)
        if ran.returncode != 0 or not found or " failed" in ran.stdout and \
                not re.search(r"failed transactions: 0 ", ran.stdout):
            raise SystemExit("pgbench: " + ran.stdout + ran.stderr)
        return float(found.group(1))
