//! `postrider demo`.

mod its_numbers_are_what_its_audience_did;
