//! The command line's grammar.

use std::net::{IpAddr, SocketAddr};
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
    /// A relay filled with campaigns and a simulated audience, to look at.
    ///
    /// It runs on a folder of its own that is removed at the end, with its own configuration: a shop that does not exist
    /// sends some 4,000 mails through it to servers and readers that are made up. Nothing leaves this machine.
    #[command(after_help = "Examples:\n  postrider demo\n  postrider demo --small --listen 127.0.0.1:9000 --keep demo")]
    Demo {
        /// Keep the data in this folder; it must be empty or missing.
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
        /// Where the pages are; without it 127.0.0.1:8080, or a free port where that is taken.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// A tenth of the audience.
        #[arg(long)]
        small: bool,
    },
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
    /// Addresses not to mail.
    Suppression {
        #[command(subcommand)]
        command: SuppressionCommand,
    },
    /// Take in complaints: feedback reports (RFC 5965) as mailbox providers send them.
    ///
    /// Each file is one report as it came by mail, or several as an mbox; a folder stands for the files in it. Without any,
    /// standard input is read, so that a mail server can hand reports over. For each report there is a line: file,
    /// recipient, campaign, delivery, and whether it was counted. Reports of the types abuse and fraud count: once for a
    /// delivery, and its recipient is not mailed any more. What is no report is named on standard error, the rest is taken,
    /// and the exit code is 1.
    #[command(
        after_help = "Examples:\n  postrider complaint < report.eml\n  postrider complaint reports.mbox Maildir/new\n\nIn the .forward of the relay's own user:\n  \"|postrider complaint --config /etc/postrider/postrider.toml\""
    )]
    Complaint {
        /// Reports, mboxes or folders; without any, standard input.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// What waits, by receiving domain (waiting, tried, oldest, expires, next try, last reply, receiving site); or retry, pause, resume and cancel it.
    #[command(args_conflicts_with_subcommands = true)]
    Queue {
        /// Only the domains of this receiving site, or this domain.
        #[arg(long, value_name = "S")]
        site: Option<String>,
        #[command(subcommand)]
        command: Option<QueueCommand>,
    },
    /// Judge anew who fetched pixels and links, by the rules as they are now.
    #[command(
        after_help = "Examples:\n  postrider reclassify --dry-run\n  postrider reclassify --rules rules.toml --campaign spring --since 2026-11-01T00:00:00Z"
    )]
    Reclassify(Reclassify),
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
        /// An address of this machine that its mail leaves from, instead of delivery.source_addresses; may be repeated.
        #[arg(long = "source-address", value_name = "IP")]
        source_addresses: Vec<IpAddr>,
        /// How long its mail is tried, as in 90m, 4h or 3d, instead of delivery.expire.
        #[arg(long, value_name = "TIME", value_parser = life)]
        expire: Option<u64>,
        /// How much its mail may have among other campaigns (or among other transactional mail): high has eight turns, normal
        /// four, low one.
        #[arg(long, default_value = "normal", value_parser = ["high", "normal", "low"])]
        priority: String,
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
    /// Print a link with which its owner chooses a new password, once, within an hour.
    Reset {
        /// Its e-mail address.
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Make the DKIM keys of a domain that it lacks, RSA and Ed25519, and print the DNS records to publish. Added again, it keeps its keys.
    #[command(after_help = "Example:\n  postrider domain add example.com")]
    Add {
        /// The domain in the From field.
        domain: String,
    },
    /// List sending domains and their records.
    List,
}

#[derive(Debug, Subcommand)]
pub enum SuppressionCommand {
    /// List all: address, reason, scope, since when, source.
    List,
    /// Put an address on the list.
    Add {
        /// The address.
        address: String,
        /// Hold back only the mail of this stream (a List-Id, or a From domain); without it, all mail.
        #[arg(long, value_name = "STREAM")]
        scope: Option<String>,
    },
    /// Take an address off the list.
    Remove {
        /// The address.
        address: String,
        /// Only for this stream, or for all mail (""); without it, for everything it stands there for.
        #[arg(long, value_name = "STREAM")]
        scope: Option<String>,
    },
    /// Put the addresses of a CSV file on the list: a header row, a column `email`, and if you have them `reason`, `scope`
    /// and `created_at`. Rows that cannot be read are named, the rest is taken, and the exit code is 1.
    Import {
        /// The file; the exports of most mail services will do.
        file: PathBuf,
    },
    /// The list as CSV on standard output, to be imported again.
    Export,
}

#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// A delivery, or the deliveries of a message.
    Show {
        /// The id of a delivery or a message.
        id: String,
    },
    /// Try now what was deferred or held; without a part, everything.
    Retry(Any),
    /// Begin no try until it is resumed; without a part, of everything.
    Pause(Pausable),
    /// End a pause of the same part; without a part, that of everything.
    Resume(Pausable),
    /// Take deliveries out of the queue; they are not sent. It wants a part.
    Cancel(Part),
    /// Send the rest of a campaign that is held after its first deliveries all the same, at every site.
    Release {
        /// The campaign.
        #[arg(long, value_name = "NAME")]
        campaign: String,
    },
}

/// A part of the queue.
#[derive(Debug, Args)]
pub struct Part {
    /// One delivery.
    #[arg(long, value_name = "ID", conflicts_with_all = ["message", "campaign", "domain", "all"])]
    pub delivery: Option<String>,
    /// The deliveries of one message.
    #[arg(long, value_name = "ID", conflicts_with_all = ["campaign", "domain", "all"])]
    pub message: Option<String>,
    #[command(flatten)]
    pub whole: Whole,
}

/// A part of the queue, or a site.
#[derive(Debug, Args)]
pub struct Any {
    #[command(flatten)]
    pub part: Part,
    /// The deliveries to the domains of a receiving site, as the queue's list and page name it.
    #[arg(long, value_name = "S", conflicts_with_all = ["delivery", "message", "campaign", "domain", "all"])]
    pub site: Option<String>,
}

/// A part of the queue that can be paused.
#[derive(Debug, Args)]
pub struct Pausable {
    #[command(flatten)]
    pub whole: Whole,
    /// The deliveries to the domains of a receiving site, as the queue's list and page name it.
    #[arg(long, value_name = "S", conflicts_with_all = ["campaign", "domain", "all"])]
    pub site: Option<String>,
}

/// A large part of the queue.
#[derive(Debug, Args)]
pub struct Whole {
    /// The deliveries of a campaign.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["domain", "all"])]
    pub campaign: Option<String>,
    /// The deliveries to a receiving domain.
    #[arg(long, value_name = "D", conflicts_with = "all")]
    pub domain: Option<String>,
    /// Everything that waits.
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct Reclassify {
    /// Rules in this file instead of those of the configuration (tracking.audience_rules).
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Only hits of this campaign.
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// Only hits from this time on, RFC 3339.
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Only say what would change.
    #[arg(long)]
    pub dry_run: bool,
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

/// `90m`, `4h`, `3d`: seconds, at most a year.
fn life(text: &str) -> Result<u64, String> {
    let seconds = humantime::parse_duration(text).map(|life| life.as_secs()).ok();
    let life = seconds.filter(|seconds| (1..=365 * 86_400).contains(seconds));
    life.ok_or_else(|| "a time such as 90m, 4h or 3d, from 1s to 365d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_a_number_with_a_unit() {
        let lives = ["1s", "90m", "4h", "3d", "365d"].map(|text| life(text).unwrap());
        assert_eq!(lives, [1, 5_400, 14_400, 259_200, 31_536_000]);
        for wrong in ["", "4", "h", "0s", "366d", "-1h", "4x", "99999999999999999999d", "\u{fc}"] {
            assert!(life(wrong).is_err(), "{wrong}");
        }
    }
}
