//! What senders are told of their mail's fate.

mod a_kill_before_the_notice_loses_none;
mod a_notice_is_signed_and_waits_in_the_sandbox;
mod a_refusal_is_told_field_by_field;
mod a_storm_of_refusals_is_few_notices;
mod each_wish_is_kept;
mod hostile_replies_stay_text;
mod kills_in_a_run_of_refusals_tell_each_sender_once;
mod no_notice_leads_to_another;
mod what_was_given_up_is_told;
