-- The people of a campaign by what they did and by what became of their mail. Each index holds only the few rows that are
-- asked for by it: a delivery that arrives and is not opened is in none of them, so that sending costs no entry.
create index v_delivery_opened on v_delivery (campaign, opened, delivery) where opened > 0;
create index v_delivery_clicked on v_delivery (campaign, clicked, delivery) where clicked > 0;
create index v_delivery_unsubscribed on v_delivery (campaign, delivery) where unsubscribed_at > 0;
create index v_delivery_complained on v_delivery (campaign, delivery) where complained_at > 0;
create index v_delivery_failed on v_delivery (campaign, state, delivery) where state = 1 or state = 2 or state = 3 or state = 4;
create index v_delivery_lost on v_delivery (state, delivery) where state = 1 or state = 2 or state = 3 or state = 4;
create index v_delivery_deferred on v_delivery (campaign, delivery) where state = 0 and tries > 0;
