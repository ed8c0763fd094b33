//! The rules tried on small made-up trees: each must be seen to fail, and what is allowed must pass.

use super::rules::complaints;
use super::source::{SourceFile, Tree};

fn complaints_of(files: &[(&str, &str)]) -> Vec<String> {
    complaints(&Tree::of(files), &[])
}

#[track_caller]
fn refused(path: &str, text: &str, why: &str) {
    let found = complaints_of(&[(path, text)]);
    assert!(found.len() == 1 && found[0].contains(why), "{path} {text:?}: {found:?}");
}

#[track_caller]
fn allowed(path: &str, text: &str) {
    assert_eq!(complaints_of(&[(path, text)]), Vec::<String>::new(), "{path} {text:?}");
}

#[test]
fn imports_point_down() {
    allowed("delivery/dns.rs", "use crate::store::Queue;\nuse crate::{clock, domain::{Address, Domain}};");
    allowed("store/queue.rs", "use crate::mail::Recipe;\nuse crate::clock::Clock;");
    allowed("mail/stencil.rs", "use crate::domain::Token;\nuse super::outline::Outline;");
    allowed("cli/serve.rs", "use crate::app;\nuse crate::config::Config;");
    refused("store/queue.rs", "use crate::delivery::Route;", "`store` may not import `delivery`");
    refused("domain/id.rs", "fn f() -> crate::mail::Part { x }", "`domain` may not import `mail`");
    refused("mail/stencil.rs", "use crate::smtp::Command;", "`mail` may not import `smtp`");
    refused("delivery/dns.rs", "use crate::config::Config;", "`delivery` may not import `config`");
}

#[test]
fn rooms_of_one_floor_do_not_know_each_other() {
    refused("tracking/hits.rs", "use crate::dashboard::Page;", "`tracking` may not import `dashboard`");
    refused("server/tls.rs", "use crate::store::Accounts;", "`server` may not import `store`");
}

#[test]
fn imports_are_found_in_every_spelling() {
    let rooms = |path: &str, text: &str| SourceFile::new(path, text).rooms_named().into_iter().collect::<Vec<_>>();
    let nested = "use crate::{\n    store::{Queue, ledger::{A, B}},\n    domain::Address,\n    clock,\n};\nfn f() {}";
    assert_eq!(rooms("delivery/dns.rs", nested), ["clock", "domain", "store"]);
    assert_eq!(rooms("delivery/dns.rs", "use super::super::{store, mail::Part};"), ["mail", "store"]);
    assert_eq!(rooms("delivery/mod.rs", "use super::store::Queue;"), ["store"]);
    assert_eq!(rooms("delivery/dns.rs", "use super::route::Route;"), Vec::<String>::new());
    assert_eq!(rooms("main.rs", "fn main() { postrider::cli::run() }"), ["cli"]);
    assert_eq!(rooms("delivery/dns.rs", "let x = [crate::store::A, <crate::mail::B>::c()];"), ["mail", "store"]);
    let hidden =
        "// crate::store\n/* crate::mail /* */ crate::smtp */ let a = \"crate::api\"; let b = r#\"crate::app\"#;";
    assert_eq!(rooms("delivery/dns.rs", hidden), Vec::<String>::new());
}

#[test]
fn tests_may_import_what_they_like() {
    allowed(
        "domain/id.rs",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::store::X;\n    use rand::random;\n}\n",
    );
    allowed("delivery/tests/names.rs", "use crate::dashboard::X;");
    refused("domain/id.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::store::X;", "may not import `store`");
}

#[test]
fn knots_are_found() {
    let knot = [
        ("app.rs", "use crate::cli::Arguments;"),
        ("cli/mod.rs", "//! Commands.\nuse crate::config::Config;"),
        ("config/mod.rs", "//! The file.\nuse crate::app::App;"),
        ("main.rs", "use postrider::app;"),
    ];
    let found = complaints_of(&knot);
    assert_eq!(found, ["a knot of rooms that import each other: app, cli, config"]);
    assert_eq!(complaints_of(&knot[..2]), Vec::<String>::new());
}

#[test]
fn the_ground_is_pure() {
    refused("smtp/data.rs", "use tokio::io::AsyncRead;", "smtp/data.rs:1: `tokio`");
    refused("domain/id.rs", "\nfn f() { rand::random() }", "domain/id.rs:2: `rand`");
    refused("mail/html.rs", "let now = chrono::Utc::now();", "`Utc::now`");
    allowed("mail/dkim.rs", "use rand::rng;");
    allowed("domain/timestamp.rs", "use chrono::{DateTime, Utc};");
    allowed("domain/id.rs", "let brand = 1; let x = random(); // tokio");
}

#[test]
fn one_room_knows_sql_and_one_file_reads_the_clock() {
    refused("dashboard/people.rs", "use rusqlite::Connection;", "one room knows SQL");
    allowed("store/queue.rs", "use rusqlite::Connection;");
    refused("delivery/window.rs", "let t = std::time::SystemTime::now();", "`SystemTime`");
    refused("delivery/window.rs", "use std::time::Instant;", "`std::time::Instant`");
    allowed("delivery/window.rs", "use tokio::time::Instant;\nlet t = Instant::now();");
    allowed("clock.rs", "use std::time::{Instant, SystemTime};");
}

#[test]
fn long_files_are_refused_and_the_list_only_shrinks() {
    let lines = |count: usize| "x\n".repeat(count);
    allowed("store/fold.rs", &lines(400));
    refused("store/fold.rs", &lines(401), "401 lines");
    allowed("store/fold.rs", &format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400), lines(200)));
    let with_list =
        |count, listed| complaints(&Tree::of(&[("store/fold.rs", &lines(count))]), &[("store/fold.rs", listed)]).len();
    assert_eq!((with_list(500, 500), with_list(501, 500), with_list(499, 500)), (0, 1, 1));
    assert_eq!(complaints(&Tree::of(&[]), &[("store/gone.rs", 500)]).len(), 1);
}

#[test]
fn names_say_something_and_rooms_say_what_they_are_for() {
    refused("store/queue.rs", "pub struct QueueManager;", "`QueueManager`");
    refused("store/queue.rs", "enum MessageInfo { A }", "`MessageInfo`");
    refused("store/queue.rs", "pub(crate) trait Helper {}", "`Helper`");
    allowed("smtp/data.rs", "struct DataReceiver; struct Utility; fn info() {}");
    refused("store/mod.rs", "pub mod queue;", "begins with //!");
    refused("shop/mod.rs", "//! A room.", "no floor is known");
}

#[test]
fn literals_and_lifetimes_are_told_apart() {
    let file = SourceFile::new("domain/id.rs", "fn f<'a>(x: &'a str) { let q = '\"'; let e = '\\''; tokio(b'\"') }");
    assert_eq!(file.line_of("tokio"), Some(1));
    assert!(file.code.contains("fn f<'a>(x: &'a str)"));
}
