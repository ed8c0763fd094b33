//! What an authenticated sender may do, and what nobody may.

mod a_broken_mime_is_relayed_as_it_came;
mod a_login_sends_as_its_own_domains_only;
mod a_mail_that_loops_is_refused;
mod a_renewed_certificate_is_shown;
mod a_stop_in_the_middle_of_data_loses_nothing;
mod chunks_arrive_as_they_came;
mod guessing_passwords_stops_the_guesser_only;
mod no_false_end_smuggles_a_mail;
mod nobody_relays_without_a_login;
mod nothing_said_before_the_handshake_acts;
mod past_a_limit_the_others_go_on;
mod who_is_slow_is_cut_off;
mod wrong_smtp_gets_the_right_code;
