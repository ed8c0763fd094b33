//! Who is not mailed, and how one leaves.

mod a_bounce_holds_back_the_next_mail;
mod a_list_is_imported_and_exported_without_loss;
mod a_mailbox_full_three_times_is_held_back;
mod mail_that_waits_is_held_back_too;
mod one_click_leaves_one_stream_only;
mod only_a_post_unsubscribes;
mod the_list_is_kept_on_its_page;

use crate::harness::{Mail, Relay, program, run};

/// A mail with a link, of the campaign named like its sender.
fn mail(from: &str, more: &str) -> String {
    format!(
        "From: News <{from}>\r\nTo: you@b.example\r\nSubject: Spring\r\nX-Postrider-Campaign: {from}\r\n{more}\
         Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><a href=\"https://a.example/\">x</a></body></html>\r\n"
    )
}

/// The unsubscribe address of a copy.
fn address_of(copy: &Mail<'_>) -> String {
    let field = copy.header("List-Unsubscribe").expect("List-Unsubscribe");
    field.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).expect("one address").to_owned()
}

/// What curl makes of an unsubscribe address: the page, then the status and where it was sent on to.
async fn curl(relay: &Relay, url: &str, arguments: &[&str]) -> String {
    let (host, port) = ("track.postrider.example", relay.web().port());
    let mut command = program("curl");
    // Without TLS: a proxy ends it before the relay.
    let url = url.replace(&format!("https://{host}/"), &format!("http://{host}:{port}/"));
    command.args(["-s", "-S", "-o", "-", "-w", "\n%{http_code} %{redirect_url}", "--max-redirs", "0"]);
    command.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]).args(arguments).arg(url);
    let output = run(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
