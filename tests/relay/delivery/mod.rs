//! Routes, replies, retries and bounces, as receivers see them.

mod a_dead_resolver_costs_no_mail_its_life;
mod a_hanging_domain_holds_up_nobody;
mod each_reply_leads_to_its_state;
