//! What scenarios are made of: the relay as a process, and around it a client, receivers, DNS and a browser.
//!
//! `Relay` runs the built binary, `Client` speaks SMTP to it, `Sink` receives, `Zone` answers DNS, `Mail` reads what
//! arrived with a second pair of eyes, `Browser` looks at pages, `Receiver` and `tools` drive programs that are not ours.
//! Everything listens on loopback, on free ports; whatever was started ends with the value that started it.
#![allow(dead_code, unused_imports, reason = "scenarios pick what they need")]

mod browser;
mod client;
mod config;
mod doorbell;
mod http;
mod mail;
mod notice;
mod own_tests;
mod receivers;
mod relay;
mod sink;
mod tls;
mod tools;
mod wait;
mod zone;

pub use browser::Browser;
pub use client::{Client, Reply};
pub use config::Config;
pub use doorbell::doorbell;
pub use http::{Request, Response};
pub use mail::{Mail, path_of};
pub use notice::{Notice, notice_to};
pub use receivers::{RECIPIENTS_MAX, Receiver};
pub use relay::{Login, Relay};
pub use sink::{Keep, Received, Script, Settings as SinkSettings, Sink, Step, tls_from_files};
pub use tls::Certificate;
pub use tools::{as_root, audience, fed, own_uid, program, python, python_text, run, smtplib, swaks};
pub use wait::{PATIENCE, wait_until};
pub use zone::{NameServer, Zone};
