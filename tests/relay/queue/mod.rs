//! What waits: paused, resumed, tried again and cancelled, by commands and by the page.

use crate::harness::{Relay, Sink, Zone};

mod a_cancelled_campaign_is_accounted_for;
mod a_damaged_mail_is_held_and_goes_out_when_restored;
mod a_held_site_waits_over_a_restart_until_it_is_resumed;
mod a_pause_never_holds_up_the_relays_own_mail;
mod a_paused_campaign_waits_and_comes_out_when_resumed;
mod a_site_that_refuses_the_relay_is_a_finding;
mod complaints_hold_the_rest_of_a_campaign;
mod retry_now_does_not_wait_for_the_schedule;
mod the_commands_work_with_and_without_a_relay;
mod the_page_holds_a_site;
mod the_page_pauses_retries_and_cancels;
mod the_rest_of_a_campaign_follows_its_first;
mod the_rest_of_a_campaign_is_held_until_it_is_let_go;

/// A mail of a campaign. Its copies differ, so that each has a transaction of its own.
fn mail(campaign: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: {campaign}\r\nX-Postrider-Campaign: {campaign}\r\n\
         Content-Type: text/html\r\n\r\n<p>x</p>\r\n"
    )
}

/// Names for two domains with one receiver.
fn zone() -> Zone {
    let zone = Zone::new().a("mx.b.example", "127.0.0.1");
    zone.mx("b.example", 10, "mx.b.example").mx("c.example", 10, "mx.b.example")
}

/// Submits a mail of the campaign.
async fn submit(relay: &mut Relay, campaign: &str, to: &[&str]) {
    let reply = relay.submit("a@own.example", to, &mail(campaign)).await;
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// Mails that were taken for this domain.
fn taken(sink: &Sink, domain: &str) -> usize {
    sink.received().iter().filter(|mail| mail.rcpt_to.iter().any(|to| to.ends_with(domain))).count()
}
