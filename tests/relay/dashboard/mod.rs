//! Pages and the JSON for programs.

mod a_campaigns_mails_show_one_receipt;
mod a_preview_asks_nobody;
mod a_receipt_of_a_thousand_links_stays_short;
mod campaigns_are_named_by_lists_and_by_people;
mod every_page_suits_every_reader;
mod every_page_works_without_script;
mod markup_from_a_mail_is_shown_harmlessly;
mod past;
mod the_first_campaign_shows_on_its_page;
mod the_source_shows_what_was_changed;
