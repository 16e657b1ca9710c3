-- no-transaction
-- What a portal's money did on a day, for its totals: one more entry for each payment, taken back or
-- given back, and none for the other steps. `made_at` is the instant that `paid_at` tells.
create index concurrently event_money_idx on event (portal, made_at)
    where kind in ('invoice.paid', 'payment.reversed', 'refund.confirmed');
