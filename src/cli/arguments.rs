//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// An outbound SMTP relay that tells its user what happened.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, about, arg_required_else_help = true)]
pub struct Arguments {
    /// The configuration file; without it, postrider.toml in the working directory if there is one, else the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run submission, delivery, tracking and dashboard.
    #[command(
        after_help = "Examples:\n  postrider serve\n  POSTRIDER_LOG_FORMAT=json postrider serve --config /etc/postrider/postrider.toml"
    )]
    Serve,
    /// SMTP users and passwords, also the API's.
    Credential {
        #[command(subcommand)]
        command: CredentialCommand,
    },
    /// Dashboard logins.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Sending domains and their DKIM keys.
    Domain {
        #[command(subcommand)]
        command: DomainCommand,
    },
    /// Replay the ledger into a scratch copy and compare every view with it.
    Verify,
    /// Make every view again from the ledger.
    Rebuild,
    /// The ledger as JSON lines on standard output.
    #[command(
        after_help = "Example:\n  postrider export --campaign spring --since 2026-11-01T00:00:00Z > spring.jsonl"
    )]
    Export(ExportRange),
    /// A consistent copy of everything in one file, while the relay runs.
    #[command(after_help = "Restore: put the copy as postrider.db into an empty data folder and start the relay.\n\n\
        Example:\n  postrider backup /var/backups/postrider-$(date +%F).db")]
    Backup {
        /// The file to make; it must not exist yet.
        file: PathBuf,
    },
    /// Name everything that is wrong with the configuration.
    CheckConfig,
    /// A completion script for a shell, on standard output.
    #[command(after_help = "Example:\n  postrider completions bash > /etc/bash_completion.d/postrider")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The manual page on standard output, or all of them into a folder.
    #[command(after_help = "Example:\n  postrider man /usr/local/share/man/man1")]
    Man {
        /// The folder; made when missing.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum CredentialCommand {
    /// Make a credential; its password is shown once.
    #[command(after_help = "Examples:\n  postrider credential create news --domain example.com\n  \
        postrider credential create shop --profile transactional --json")]
    Create {
        /// Letters, digits, dots, hyphens and underscores.
        name: String,
        /// A domain it may send as (with those below it); without any, all.
        #[arg(long = "domain", value_name = "D")]
        domains: Vec<String>,
        /// campaign, or transactional: no rewriting, first in the queue.
        #[arg(long, default_value = "campaign", value_parser = ["campaign", "transactional"])]
        profile: String,
        /// Print {"username":"…","password":"…"}.
        #[arg(long)]
        json: bool,
    },
    /// List credentials.
    List,
    /// Revoke one at once.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a dashboard login.
    #[command(after_help = "Example:\n  postrider user create ann@example.com")]
    Create {
        /// Its e-mail address.
        email: String,
        /// Read the password from the first line of standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List logins.
    List,
    /// Delete one and end its sessions.
    Delete {
        /// Its e-mail address.
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Make a DKIM key for a domain and print the DNS record to publish.
    #[command(after_help = "Example:\n  postrider domain add example.com")]
    Add {
        /// The domain in the From field.
        domain: String,
    },
    /// List sending domains and their records.
    List,
}

#[derive(Debug, Args)]
pub struct ExportRange {
    /// Only this campaign.
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// Only events from this time on, RFC 3339.
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Only events before this time, RFC 3339.
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
}
