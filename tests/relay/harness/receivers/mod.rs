//! Receiving servers that are not ours: Postfix, Exim, and Python's aiosmtpd.
//!
//! Each wants TLS, refuses strangers, and takes no more than 30 recipients in one transaction: who comes after them is
//! asked to come again (452).

mod exim;
mod postfix;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::Certificate;
use super::tools::{check, own_uid, program};
use super::wait::{PATIENCE, wait_until};

/// An account without rights, the owner of the mailbox.
const NOBODY: u32 = 65_534;

const LOG_BYTES_SHOWN: usize = 5_000;
/// Recipients that each of them takes in one transaction.
pub const RECIPIENTS_MAX: usize = 30;

/// A folder that fills with received mails, and the program that fills it.
pub struct Receiver {
    folder: TempDir,
    mails: PathBuf,
    port: u16,
    child: Child,
    /// Whether it offers TLS and refuses mail to strangers.
    pub whole: bool,
}

impl Receiver {
    /// aiosmtpd.
    pub async fn aiosmtpd(certificate: &Certificate) -> Self {
        Self::aiosmtpd_with(certificate, &[]).await
    }

    /// aiosmtpd by LMTP: `ruled` is refused and `full` put off once, after the message.
    pub async fn aiosmtpd_by_lmtp(certificate: &Certificate) -> Self {
        Self::aiosmtpd_with(certificate, &["--lmtp"]).await
    }

    /// The same over a socket of this machine, without TLS.
    pub async fn aiosmtpd_by_socket(certificate: &Certificate) -> Self {
        Self::aiosmtpd_with(certificate, &["--lmtp", "--socket"]).await
    }

    /// Postfix's test server by LMTP, which takes everything.
    pub async fn smtp_sink_by_lmtp() -> Self {
        Self::started(|folder, port| smtp_sink(folder, port, &["-L"]), false).await
    }

    async fn aiosmtpd_with(certificate: &Certificate, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = check("receive_with_aiosmtpd.py");
        command.arg("--folder").arg(folder.path());
        command.arg("--cert").arg(certificate.cert()).arg("--key").arg(certificate.key());
        command.arg("--recipients-max").arg(RECIPIENTS_MAX.to_string()).args(arguments);
        let child = command.process_group(0).spawn().unwrap();
        let told = folder.path().join("port");
        wait_until("aiosmtpd listens", PATIENCE, async || told.exists()).await;
        let port = std::fs::read_to_string(told).unwrap().parse().unwrap();
        Self { mails: folder.path().to_owned(), folder, port, child, whole: true }
    }

    /// Postfix for `post.example` and `two.post.example`. Its master has to be root; run by anybody else, this is Postfix's
    /// own test server, which takes everything.
    pub async fn postfix(certificate: &Certificate) -> Self {
        let whole = own_uid() == 0;
        let command = |folder: &Path, port| {
            if whole { postfix::command(folder, port, certificate) } else { smtp_sink(folder, port, &[]) }
        };
        Self::started(command, whole).await
    }

    /// Exim for `exim.example` and `two.exim.example`.
    pub async fn exim(certificate: &Certificate) -> Self {
        Self::started(|folder, port| exim::command(folder, port, certificate), true).await
    }

    async fn started(command: impl Fn(&Path, u16) -> (Command, PathBuf), whole: bool) -> Self {
        let folder = TempDir::new().unwrap();
        // None of them takes port 0.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (mut command, mails) = command(folder.path(), port);
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}: is .ci/setup done?"));
        let receiver = Self { folder, mails, port, child, whole };
        wait_until("it listens", PATIENCE, async || TcpStream::connect(receiver.address()).is_ok()).await;
        receiver
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its URL for a route, by LMTP.
    pub fn lmtp(&self) -> String {
        match self.port {
            0 => format!("lmtp+unix://{}", self.folder.path().join(".lmtp").display()),
            port => format!("lmtp://127.0.0.1:{port}"),
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of the only mail it has taken, once it is there.
    pub async fn mail(&self) -> PathBuf {
        wait_until("a mail arrives", PATIENCE, async || !self.files().is_empty()).await;
        let mut files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    /// The files of all mails that it has taken.
    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.mails).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        paths.filter(|path| !hidden(path) && !path.ends_with("port")).collect()
    }

    /// How many copies of the mail with this subject each recipient has got, and the sizes of the transactions that
    /// they came by, smallest first.
    pub fn copies(&self, subject: &str) -> (BTreeMap<String, u32>, Vec<usize>) {
        let mut copies: BTreeMap<String, u32> = BTreeMap::new();
        let mut transactions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let wanted = format!("Subject: {subject}");
        for (n, file) in self.files().iter().enumerate() {
            // A mail may be filed while it is looked for.
            let text = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).replace("\r\n", "\n");
            let (head, _) = text.split_once("\n\n").unwrap_or_default();
            if !head.lines().any(|line| line == wanted) {
                continue;
            }
            let id = queue_id(head).unwrap_or_else(|| n.to_string());
            for to in head.lines().filter_map(envelope_to).flatten() {
                *copies.entry(to.clone()).or_default() += 1;
                transactions.entry(id.clone()).or_default().insert(to);
            }
        }
        let mut sizes: Vec<_> = transactions.into_values().map(|to| to.len()).collect();
        sizes.sort_unstable();
        (copies, sizes)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["log", "log-main", "log-reject"] {
                let log = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
                let from = log.ceil_char_boundary(log.len().saturating_sub(LOG_BYTES_SHOWN));
                eprintln!("--- the receiver's {name} ---\n{}", &log[from..]);
            }
        }
        // Postfix's master leads a group of its own.
        let master = std::fs::read_to_string(self.folder.path().join("queue/pid/master.pid")).unwrap_or_default();
        for group in [master.trim(), &self.child.id().to_string()] {
            if !group.is_empty() {
                let _ = program("sh").args(["-c", "kill -s TERM -- \"-$0\" 2>&-", group]).status();
            }
        }
        let _ = self.child.wait();
    }
}

fn smtp_sink(folder: &Path, port: u16, arguments: &[&str]) -> (Command, PathBuf) {
    let mails = folder.join("mail");
    std::fs::create_dir(&mails).unwrap();
    let mut command = program("smtp-sink");
    if own_uid() == 0 {
        // It insists on giving its rights up.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        chown(&mails, Some(NOBODY), None).unwrap();
        command.args(["-u", "nobody"]);
    }
    command.args(arguments).arg("-d").arg(mails.join("mail.")).arg(format!("127.0.0.1:{port}")).arg("100");
    (command, mails)
}

/// What the receiver itself calls the mail: of the recipients of one transaction each has a file. `None` where the
/// uppermost trace is our own.
fn queue_id(head: &str) -> Option<String> {
    let field = head.split_once("Received: ")?.1;
    let lines: Vec<_> =
        field.lines().enumerate().take_while(|(n, line)| *n == 0 || line.starts_with(['\t', ' '])).collect();
    let words: Vec<_> = lines.iter().flat_map(|(_, line)| line.split_whitespace()).collect();
    let id = words.windows(2).find(|pair| pair[0] == "id").map(|pair| pair[1].trim_end_matches(';').to_owned());
    id.filter(|_| !words.windows(2).any(|pair| pair == ["by", "relay.postrider.example"]))
}

/// Whom a copy was for, as Postfix, Exim, aiosmtpd (as run here) and smtp-sink write it.
fn envelope_to(line: &str) -> Option<Vec<String>> {
    let names = ["Delivered-To: ", "Envelope-to: ", "X-Envelope-To: ", "X-Rcpt-Args: "];
    let list = names.iter().find_map(|name| line.strip_prefix(name))?;
    let paths = list.split(", ").map(|path| path.split_whitespace().next().unwrap_or_default());
    Some(paths.map(|path| path.trim_matches(['<', '>']).to_owned()).collect())
}
