//! Commands that change something: asked of the running relay, or done on the store when none runs.

use std::io::BufRead;
use std::sync::Arc;

use super::arguments::{CredentialCommand, DomainCommand, UserCommand};
use super::{Failure, say};
use crate::app;
use crate::config::Config;
use crate::control::{self, Performer, Request, Response};
use crate::store::Store;

pub(super) fn credential(config: &Config, command: &CredentialCommand) -> Result<(), Failure> {
    match command {
        CredentialCommand::Create { name, domains, profile, json } => {
            let (name, domains, profile) = (name.clone(), domains.clone(), profile.clone());
            let response = ask(config, Request::CredentialCreate { name, domains, profile })?;
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
    }
}

pub(super) fn domain(config: &Config, command: &DomainCommand) -> Result<(), Failure> {
    match command {
        DomainCommand::Add { domain } => show(ask(config, Request::DomainAdd { domain: domain.clone() })?),
        DomainCommand::List => show(ask(config, Request::DomainList)?),
    }
}

pub(super) fn rebuild(config: &Config) -> Result<(), Failure> {
    show(ask(config, Request::Rebuild)?)
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

fn ask(config: &Config, request: Request) -> Result<Response, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answered = control::ask(&config.data_dir, &request).await;
        let answered = answered.map_err(|e| Failure::failed(format!("the running relay cannot be asked: {e}")))?;
        match answered {
            Some(response) => Ok(response),
            None => perform_alone(config, request).await,
        }
    })
}

async fn perform_alone(config: &Config, request: Request) -> Result<Response, Failure> {
    // What is found wrong with the store when it is opened must not pass unheard.
    app::log("warn");
    let settings = app::store_settings(config);
    let store = tokio::task::spawn_blocking(move || Store::open(settings)).await?;
    let store = Arc::new(store.map_err(|e| Failure::failed(e.to_string()))?);
    let performer = Performer::new(
        Arc::clone(&store),
        crate::clock::Clock,
        app::random,
        crate::dashboard::hash_password,
        Arc::new(|| {}),
    );
    let response = performer.perform(request).await;
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(response)
}

fn show(response: Response) -> Result<(), Failure> {
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
                say(&format!("{}\t{}\t{}\t{}", c.name, c.profile, domains, c.created_at));
            }
        }
        Response::Users { emails } if emails.is_empty() => {
            say("there are no logins; make one with: postrider user create EMAIL");
        }
        Response::Users { emails } => emails.iter().for_each(|email| say(email)),
        Response::Domains { domains } if domains.is_empty() => {
            say("there are no sending domains; add one with: postrider domain add DOMAIN");
        }
        Response::Domains { domains } => {
            for d in domains {
                say(&format!("{}\n  publish this TXT record:\n  {}\n  {}\n", d.domain, d.record_name, d.record_value));
            }
        }
    }
    Ok(())
}
