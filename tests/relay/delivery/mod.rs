//! Routes, replies, retries and bounces, as receivers see them.

mod a_hanging_domain_holds_up_nobody;
mod a_thousand_newsletters;
mod each_reply_leads_to_its_state;
