//! What an authenticated sender may do, and what nobody may.

mod a_broken_mime_is_relayed_as_it_came;
mod wrong_smtp_gets_the_right_code;
