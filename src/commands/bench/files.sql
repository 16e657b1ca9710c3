-- Lays in what a large report tells of: so many paid fees of one partner, in one balanced entry, the
-- partner itself, and the credit of its batch as it stands once the bank's statement was read.
-- bench.run names the run, bench.rows says how many.
do $$
declare
    run text := current_setting('bench.run');
    most integer := current_setting('bench.rows')::integer;
    entry bigint := nextval('ledger.entry_number');
    file uuid := gen_random_uuid();
    statement uuid := gen_random_uuid();
    load bigint := (select max(load_id) from register_load);
begin
    if not exists (select from partner where code = 'filebench') then
        insert into partner_opening (partner, load_id, uncertified, opened_by, opened_at)
            values ('filebench', load, 'what a report is measured with', 'bench', now());
        insert into partner (code, name, dialect, load_id)
            values ('filebench', 'Files', 'plain', load);
    end if;
    insert into collecting_account (partner, number, valid_from, bin, holder, settling_source, load_id)
        values ('filebench', run, '2020-01-01', '', 'Files', 'webhook', load);
    insert into partner_fee (partner, valid_from, fixed, made_by, made_at)
        values ('filebench', '2020-01-01', 1000, 'bench', now()) on conflict do nothing;
    insert into ledger.account (kind, owner, detail, currency)
        values ('partner_receivable', 'filebench', run, 'VND'), ('agency_payable', 'G01.01', run, 'VND')
        on conflict do nothing;
    with made as (
        insert into ledger.entry (entry_id, act, business_day, value_date, currency, source, actor,
                                  made_by_tx, made_at)
            values (entry, 'settlement', current_date, current_date, 'VND', 'bench/' || run, 'bench',
                    pg_current_xact_id(), now())
        returning entry_id)
    insert into ledger.posting (entry_id, line, account_id, amount)
        select entry_id, case kind when 'partner_receivable' then 1 else 2 end, account_id,
               case kind when 'partner_receivable' then 1 else -1 end * 150000::numeric * most
          from made, ledger.account where detail = run;
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
                            memo, value_time, received_at, outcome, invoice_id, applied_cycle, entry_id, raw,
                            raw_sha256)
        select ('01980000-' || substr(md5(run), 1, 4) || '-7' || substr(md5(run), 5, 3) || '-9000-'
                || lpad(to_hex(n), 12, '0'))::uuid,
               'filebench', 'webhook', run || '-' || n, run, 150000, 'VND', 'nop phi', now(), now(),
               'applied',
               ('01980000-' || substr(md5(run), 1, 4) || '-7' || substr(md5(run), 5, 3) || '-8000-'
                || lpad(to_hex(n), 12, '0'))::uuid, 1, entry, '\x',
               sha256('\x')
          from generate_series(1, most) n;
    insert into statement_file (file_id, sha256, partner, name, source, received_by, received_at, size,
                                state, state_since)
        values (file, sha256(convert_to(run, 'UTF8')), 'filebench', run, 'command', 'bench', now(), 0,
                'staged', now());
    insert into statement (statement_id, file_id, place, kind, partner, account, reference, day,
                           currency, opening, closing, lines, total, state, state_since)
        values (statement, file, 0, 'account', 'filebench', 'bank-' || run, run, current_date, 'VND',
                0, 149000::numeric * most, 1, 149000::numeric * most, 'staged', now());
    insert into statement_line (statement_id, place, nature, amount, value_date, transaction_id, batch)
        values (statement, 1, 'lump', 149000::numeric * most, current_date, run || '-lump', run);
    perform set_config('bench.statement', statement::text, false);
end $$;
