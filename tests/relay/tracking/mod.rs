//! Links, pixels and unsubscribes, from the mail to the numbers.

mod forged_tokens_record_nothing;
