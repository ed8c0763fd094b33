//! Credentials of three priorities wait for one server that takes one mail at a time: of thirteen mails eight are those of
//! the first, four of the second and one of the third, whoever came first; transactional mail goes before all of them.

use crate::harness::{Client, Config, PATIENCE, Request, Sink, wait_until};

fn mail(campaign: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: {campaign}\r\nX-Postrider-Campaign: {campaign}\r\nContent-Type: text/html\r\n\r\n\
         <a href=\"https://a.example/\">x</a>\r\n"
    )
}

#[tokio::test]
async fn priorities_share_by_their_weights() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.connections_per_site", 1).start().await;
    relay.command_text(&["queue", "pause"]).await;
    for priority in ["low", "normal", "high"] {
        let login = relay.credential(priority, &["--priority", priority]).await;
        let to: Vec<_> = (0..30).map(|n| format!("ok-{priority}-{n}@b.example")).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let mut client = Client::logged_in(relay.submission(), &login).await;
        assert_eq!(client.send("a@own.example", &to, mail(priority)).await.code, 250);
        client.quit().await;
    }
    let bills = relay.credential("bills", &["--profile", "transactional", "--priority", "low"]).await;
    let mut client = Client::logged_in(relay.submission(), &bills).await;
    assert_eq!(client.send("a@own.example", &["ok-bill-0@b.example"], mail("bill")).await.code, 250);
    client.quit().await;
    relay.command_text(&["queue", "resume"]).await;
    wait_until("all are there", PATIENCE, async || sink.received().len() == 91).await;
    let order: Vec<String> = sink.received().into_iter().flat_map(|mail| mail.rcpt_to).collect();
    assert!(order[0].starts_with("ok-bill"), "{order:?}");
    let count = |word: &str| order[1..27].iter().filter(|to| to.contains(word)).count();
    assert_eq!(["-high-", "-normal-", "-low-"].map(count), [16, 8, 2], "{order:?}");

    let listed = relay.command_text(&["credential", "list"]).await;
    for (name, priority) in [("bills", "low"), ("high", "high"), ("normal", "normal")] {
        let shown =
            |line: &str| line.starts_with(&format!("{name}\t")) && line.contains(&format!("\tpriority {priority}\t"));
        assert!(listed.lines().any(shown), "{name}: {listed}");
    }
    let cookie = relay.sign_in().await;
    let page = relay.http(&Request::get("/settings").header("Cookie", &cookie)).await.text();
    assert!(page.contains("<td role=\"cell\" data-l=\"Priority\">high</td>"), "{page}");
    let wrong = relay.command(&["credential", "create", "x", "--priority", "9"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    relay.wait_idle().await;
    relay.finish().await;
}
