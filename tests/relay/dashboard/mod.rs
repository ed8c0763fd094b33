//! Pages and the JSON for programs.

mod campaigns_are_named_by_lists_and_by_people;
mod markup_from_a_mail_is_shown_harmlessly;
mod the_first_campaign_shows_on_its_page;
