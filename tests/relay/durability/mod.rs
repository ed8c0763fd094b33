//! Crashes, full disks and stops: what was answered 250 is never lost.

mod a_backup_under_load_is_whole;
mod a_full_disk_refuses_mail_and_goes_on;
mod a_lost_answer_mails_nobody_twice;
mod damage_is_never_passed_over;
mod kills_amid_shared_transactions_lose_nobody;
mod nothing_is_acknowledged_after_a_failed_write;
mod nothing_is_acknowledged_before_it_is_synced;
mod ten_kills_under_load_lose_nothing;
mod the_clock_may_jump;
mod the_supervisor_is_told;

mod a_start_that_cannot_be_says_why;

use std::time::Duration;

use tokio::task::JoinSet;

use crate::harness::{Client, Login, Relay};

/// Senders submit one mail after the other until the relay is killed `after` a while; then it is started again. `next`
/// makes the recipients and the text of a sender's n-th mail. Gives the recipients of what was acknowledged.
async fn killed_amid<F>(relay: &mut Relay, login: &Login, senders: usize, after: Duration, next: F) -> Vec<String>
where
    F: Fn(usize, usize) -> (Vec<String>, String) + Copy + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for sender in 0..senders {
        let client = Client::logged_in(relay.submission(), login).await;
        tasks.spawn(send_until_killed(client, move |n| next(sender, n)));
    }
    tokio::time::sleep(after).await;
    relay.kill().await;
    let acknowledged: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(!acknowledged.is_empty(), "something was under way");
    relay.restart().await;
    acknowledged
}

/// The recipients of what one sender was told 250 for.
async fn send_until_killed(mut client: Client, next: impl Fn(usize) -> (Vec<String>, String)) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let (to, mail) = next(n);
        let paths: Vec<_> = to.iter().map(String::as_str).collect();
        match client.send("a@own.example", &paths, &mail).await.code {
            250 => acknowledged.extend(to),
            // Killed.
            0 => break,
            code => panic!("{n}: {code}"),
        }
    }
    acknowledged
}
