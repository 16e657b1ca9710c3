-- Lays in what a large report tells of: so many paid fees of one partner, in one balanced entry, and the
-- report of them and the credit of its batch as they stand once their files were read.
-- bench.run names the run, bench.rows says how many.
do $$
declare
    run text := current_setting('bench.run');
    most integer := current_setting('bench.rows')::integer;
    entry bigint := nextval('ledger.entry_number');
    file uuid := gen_random_uuid();
    report uuid := gen_random_uuid();
    statement uuid := gen_random_uuid();
    began timestamptz;
begin
    insert into ledger.account (kind, owner, detail, currency)
        values ('partner_receivable', 'filebench', run, 'VND'), ('agency_payable', 'G01.01', run, 'VND')
        on conflict do nothing;
    insert into ledger.entry (entry_id, act, business_day, value_date, currency, source, actor,
                              made_by_tx, made_at)
        values (entry, 'settlement', current_date, current_date, 'VND', 'bench/' || run, 'bench',
                pg_current_xact_id(), now());
    insert into ledger.posting (entry_id, line, account_id, amount)
        select entry, case kind when 'partner_receivable' then 1 else 2 end, account_id,
               case kind when 'partner_receivable' then 1 else -1 end * 150000::numeric * most
          from ledger.account where detail = run;
    insert into invoice (invoice_id, code, portal, agency, procedure, fee, dossier, amount, currency,
                         payer, lines, terms, issued_at, expires_at, status, status_since, sequence,
                         paid_at, paid_via)
        select ('01980000-' || substr(md5(run), 1, 4) || '-7' || substr(md5(run), 5, 3) || '-8000-'
                || lpad(to_hex(n), 12, '0'))::uuid,
               run || '-' || n, 'bench', 'G01.01', 'bench', 'bench', run || '-' || n, 150000, 'VND',
               '{"name": "x"}', '[]', '{"token": "x"}', now(), now() + interval '1 day', 'paid', now(),
               2, now(), 'filebench'
          from generate_series(1, most) n;
    insert into settlement (settlement_id, partner, source, transaction_id, account, amount, currency,
                            memo, value_time, received_at, outcome, invoice_id, applied_cycle, entry_id, raw)
        select ('01980000-' || substr(md5(run), 1, 4) || '-7' || substr(md5(run), 5, 3) || '-9000-'
                || lpad(to_hex(n), 12, '0'))::uuid,
               'filebench', 'webhook', run || '-' || n, run, 150000, 'VND', 'nop phi', now(), now(),
               'applied',
               ('01980000-' || substr(md5(run), 1, 4) || '-7' || substr(md5(run), 5, 3) || '-8000-'
                || lpad(to_hex(n), 12, '0'))::uuid, 1, entry, '\x'
          from generate_series(1, most) n;
    insert into statement_file (file_id, sha256, partner, name, source, received_by, received_at, size,
                                state, state_since)
        values (file, sha256(convert_to(run, 'UTF8')), 'filebench', run, 'command', 'bench', now(), 0,
                'staged', now());
    insert into statement (statement_id, file_id, place, kind, partner, account, reference, day,
                           currency, lines, total, state, state_since)
        values (report, file, 0, 'report', 'filebench', run, run, current_date, 'VND', most,
                150000::numeric * most, 'staged', now());
    began := clock_timestamp();
    -- In an order that is not that of the settlements, as reports are.
    insert into statement_line (statement_id, place, nature, amount, fee, value_date, transaction_id,
                                batch, memo)
        select report, row_number() over (order by md5(n::text)), 'payment', 150000, 1000, current_date,
               run || '-' || n, run, 'nop phi'
          from generate_series(1, most) n;
    perform set_config('bench.staged_ms',
        round(1000 * extract(epoch from clock_timestamp() - began))::text, false);
    insert into statement (statement_id, file_id, place, kind, partner, account, reference, day,
                           currency, opening, closing, lines, total, state, state_since)
        values (statement, file, 1, 'account', 'filebench', 'bank-' || run, run, current_date, 'VND',
                0, 149000::numeric * most, 1, 149000::numeric * most, 'staged', now());
    insert into statement_line (statement_id, place, nature, amount, value_date, transaction_id, batch)
        values (statement, 1, 'lump', 149000::numeric * most, current_date, run || '-lump', run);
    insert into partner_fee (partner, valid_from, fixed, made_by, made_at)
        values ('filebench', '2020-01-01', 1000, 'bench', now()) on conflict do nothing;
    perform set_config('bench.report', report::text, false);
    perform set_config('bench.statement', statement::text, false);
end $$;
