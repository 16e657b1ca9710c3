-- Care for partners: where each may call from, and what was said about which order.

-- Networks (`203.0.113.0/24`) that the partner calls us from; empty means anywhere.
alter table partner add column called_from text[] not null default '{}';

-- Our reference of the order an exchange is about, as far as it is known.
alter table partner_exchange add column reference text;
create index partner_exchange_reference_idx on partner_exchange (partner, reference)
    where reference is not null;
