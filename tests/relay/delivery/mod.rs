//! Routes, replies, retries and bounces, as receivers see them.

mod a_dead_resolver_costs_no_mail_its_life;
mod a_hanging_domain_holds_up_nobody;
mod a_server_of_less_gets_what_it_takes;
mod a_thousand_newsletters;
mod blocked_connections_are_told_and_end_with_the_first_that_stands;
mod each_reply_leads_to_its_state;
mod each_retry_has_the_same_bytes;
mod many_domains_of_one_site_share_its_connections;
mod others_take_what_others_send;
mod retries_keep_to_their_schedule;
