//! Routes, replies, retries and bounces, as receivers see them.

mod a_dead_resolver_costs_no_mail_its_life;
mod a_hanging_domain_holds_up_nobody;
mod blocked_connections_are_told_and_end_with_the_first_that_stands;
mod each_reply_leads_to_its_state;
