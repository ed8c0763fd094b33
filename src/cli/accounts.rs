//! Commands that change something: asked of the running relay, or done on the store when none runs.

use std::time::Duration;

use std::io::BufRead;

use super::arguments::{CredentialCommand, DomainCommand, UserCommand};
use super::bar::Bar;
use super::way::Way;
use super::{Failure, say};
use crate::config::Config;
use crate::control::{DomainLine, Request, Response};
use crate::store;

pub(super) fn credential(config: &Config, command: &CredentialCommand) -> Result<(), Failure> {
    match command {
        CredentialCommand::Create { name, domains, profile, source_addresses, expire, priority, json } => {
            let (name, domains, profile) = (name.clone(), domains.clone(), profile.clone());
            let (source_addresses, expire_s, priority) = (source_addresses.clone(), *expire, priority.clone());
            let request = Request::CredentialCreate { name, domains, profile, source_addresses, expire_s, priority };
            let response = ask(config, request)?;
            match response {
                Response::Credential { username, password } if *json => {
                    say(&serde_json::json!({"username": username, "password": password}).to_string());
                    Ok(())
                }
                other => show(other),
            }
        }
        CredentialCommand::List => show(ask(config, Request::CredentialList)?),
        CredentialCommand::Revoke { name } => show(ask(config, Request::CredentialRevoke { name: name.clone() })?),
    }
}

pub(super) fn user(config: &Config, command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Create { email, password_stdin } => {
            let password = if *password_stdin { first_line()? } else { typed_twice()? };
            show(ask(config, Request::UserCreate { email: email.clone(), password })?)
        }
        UserCommand::List => show(ask(config, Request::UserList)?),
        UserCommand::Delete { email } => show(ask(config, Request::UserDelete { email: email.clone() })?),
        UserCommand::Reset { email } => show(ask(config, Request::UserReset { email: email.clone() })?),
    }
}

pub(super) fn domain(config: &Config, command: &DomainCommand) -> Result<(), Failure> {
    match command {
        DomainCommand::Add { domain } => show(ask(config, Request::DomainAdd { domain: domain.clone() })?),
        DomainCommand::List => show(ask(config, Request::DomainList)?),
    }
}

/// How far it is is read from the database: the fold writes that down, whoever runs it.
pub(super) fn rebuild(config: &Config) -> Result<(), Failure> {
    let path = config.data_dir.join(store::FILE);
    let response = Bar::of("events").beside(|| store::rebuilt(&path).ok().flatten(), || ask(config, Request::Rebuild));
    show(response?)
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn typed_twice() -> Result<String, Failure> {
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Again: ")?;
    if first == second { Ok(first) } else { Err(Failure::failed("the two passwords differ")) }
}

pub(super) fn ask(config: &Config, request: Request) -> Result<Response, Failure> {
    Way::new(config)?.ask(request)
}

/// Says what came of a request.
pub(super) fn show(response: Response) -> Result<(), Failure> {
    match response {
        Response::Done { message } => say(&message),
        Response::Failed { message } => return Err(Failure::failed(message)),
        Response::Credential { username, password } => {
            say(&format!("user:     {username}\npassword: {password}\n\nThe password is not shown again."));
        }
        Response::Credentials { credentials } if credentials.is_empty() => {
            say("there are no credentials; make one with: postrider credential create NAME");
        }
        Response::Credentials { credentials } => {
            for c in credentials {
                let domains = if c.domains.is_empty() { "any domain".to_owned() } else { c.domains.join(" ") };
                let sources: Vec<_> = c.source_addresses.iter().map(ToString::to_string).collect();
                let sources = if sources.is_empty() { "as configured".to_owned() } else { sources.join(" ") };
                let life = c.expire_s.map_or_else(
                    || "usual life".to_owned(),
                    |life| format!("tried for {}", humantime::format_duration(Duration::from_secs(life))),
                );
                let priority = if c.priority.is_empty() { "normal" } else { &c.priority };
                let (name, profile, since) = (c.name, c.profile, c.created_at);
                say(&format!("{name}\t{profile}\t{domains}\t{since}\t{life}\tpriority {priority}\t{sources}"));
            }
        }
        Response::Users { emails } if emails.is_empty() => {
            say("there are no logins; make one with: postrider user create EMAIL");
        }
        Response::Users { emails } => emails.iter().for_each(|email| say(email)),
        Response::Listed { added: 0, .. } => say("it is on the list already"),
        Response::Listed { .. } => say("it is on the list now"),
        Response::Reclassified { written } => say(&format!("{written} hits are of another class now")),
        Response::Complained { recipient, .. } => say(&recipient),
        Response::NotOurs => say("it is none of this relay's mails"),
        Response::Queue { domains, notes } => {
            for d in domains {
                let times = [d.oldest, d.expires, d.next].join("\t");
                say(&format!("{}\t{}\t{}\t{times}\t{}\t{}", d.domain, d.waiting, d.tried, d.last_reply, d.site));
            }
            notes.iter().for_each(|note| say(note));
        }
        Response::Facts { facts } => facts.iter().for_each(|(name, value)| say(&format!("{name}\t{value}"))),
        Response::Domains { domains } if domains.is_empty() => {
            say("there are no sending domains; add one with: postrider domain add DOMAIN");
        }
        Response::Domains { domains } => {
            domains.iter().for_each(|d| say(&records(d)));
        }
    }
    Ok(())
}

/// What to publish for a domain: for a form that asks for name and value, and as a zone file has it.
fn records(domain: &DomainLine) -> String {
    let plain = domain.records.iter().map(|(name, value)| format!("  {name}\n  {value}\n"));
    let zone = domain.records.iter().map(|(name, value)| format!("  {name}. IN TXT ( {} )\n", strings(value)));
    let (plain, zone): (String, String) = (plain.collect(), zone.collect());
    format!("{}\n  publish these TXT records:\n{plain}\n  the same for a zone file:\n{zone}", domain.domain)
}

/// A string of a TXT record holds 255 octets (RFC 1035 section 3.3.14).
fn strings(value: &str) -> String {
    let parts = value.as_bytes().chunks(255).map(|part| format!("\"{}\"", String::from_utf8_lossy(part)));
    parts.collect::<Vec<_>>().join(" ")
}
