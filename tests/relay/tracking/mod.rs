//! Links, pixels and unsubscribes, from the mail to the numbers.

mod a_locked_database_keeps_no_reader_waiting;
mod a_storm_of_clicks_keeps_no_sender_waiting;
mod forged_tokens_record_nothing;
mod links_in_plain_text_lead_home;
mod little_is_kept_of_readers;
mod nothing_in_a_request_changes_where_a_click_goes;
mod odd_links_lead_where_a_browser_goes;
mod people_are_told_from_machines;
mod what_a_held_database_cost_is_told;
mod what_is_encrypted_keeps_its_bytes;
