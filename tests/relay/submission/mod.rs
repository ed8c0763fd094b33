//! What an authenticated sender may do, and what nobody may.

mod a_broken_mime_is_relayed_as_it_came;
mod a_renewed_certificate_is_shown;
mod chunks_arrive_as_they_came;
mod wrong_smtp_gets_the_right_code;
