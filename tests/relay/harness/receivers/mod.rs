//! Receiving servers that are not ours: Postfix, and Python's aiosmtpd.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::Certificate;
use super::tools::{check, own_uid, program};
use super::wait::{PATIENCE, wait_until};

/// An account without rights, the owner of the mailbox.
const NOBODY: u32 = 65_534;

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
    /// aiosmtpd, which wants STARTTLS and refuses `stranger…@`.
    pub async fn aiosmtpd(certificate: &Certificate) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = check("receive_with_aiosmtpd.py");
        command.arg("--folder").arg(folder.path());
        command.arg("--cert").arg(certificate.cert()).arg("--key").arg(certificate.key());
        let child = command.process_group(0).spawn().unwrap();
        let told = folder.path().join("port");
        wait_until("aiosmtpd listens", PATIENCE, async || told.exists()).await;
        let port = std::fs::read_to_string(told).unwrap().parse().unwrap();
        Self { mails: folder.path().to_owned(), folder, port, child, whole: true }
    }

    /// Postfix with one mailbox, `ann@post.example`, and TLS. Its master has to be root; run by anybody else, this is
    /// Postfix's own test server, which takes everything.
    pub async fn postfix(certificate: &Certificate) -> Self {
        let folder = TempDir::new().unwrap();
        // Neither of them takes port 0.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let whole = own_uid() == 0;
        let (mut command, mails) =
            if whole { postfix(folder.path(), port, certificate) } else { smtp_sink(folder.path(), port) };
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.unwrap_or_else(|error| panic!("postfix: {error}: is .ci/setup done?"));
        let receiver = Self { folder, mails, port, child, whole };
        wait_until("postfix listens", PATIENCE, async || TcpStream::connect(receiver.address()).is_ok()).await;
        receiver
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of the only mail it has taken, once it is there.
    pub async fn mail(&self) -> PathBuf {
        let mut files = Vec::new();
        wait_until("a mail arrives", PATIENCE, async || {
            let entries = std::fs::read_dir(&self.mails).into_iter().flatten();
            let paths = entries.map(|entry| entry.unwrap().path());
            let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            files = paths.filter(|path| !hidden(path) && !path.ends_with("port")).collect();
            !files.is_empty()
        })
        .await;
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
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

/// A configuration of its own for each instance, beside the machine's.
fn postfix(folder: &Path, port: u16, certificate: &Certificate) -> (Command, PathBuf) {
    let place = |name: &str| folder.join(name);
    for name in ["conf", "queue", "lib", "mail"] {
        std::fs::create_dir(place(name)).unwrap();
    }
    let postfix = uid_of("postfix");
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    chown(place("lib"), Some(postfix), None).unwrap();
    chown(place("mail"), Some(NOBODY), None).unwrap();
    let (cert, key) = (certificate.cert(), certificate.key());
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/lib\n\
         maillog_file = {root}/log\nmaillog_file_prefixes = {root}\nmyhostname = mx.post.example\nmydestination =\n\
         mynetworks =\nalias_maps =\nalias_database =\ninet_protocols = ipv4\ninet_interfaces = 127.0.0.1\n\
         smtpd_peername_lookup = no\nsmtpd_relay_restrictions = reject_unauth_destination\n\
         smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = {cert}\nsmtpd_tls_key_file = {key}\n\
         smtpd_tls_received_header = yes\nvirtual_mailbox_domains = post.example\nvirtual_mailbox_base = {root}/mail\n\
         virtual_mailbox_maps = inline:{{ ann@post.example=ann/ }}\nvirtual_uid_maps = static:{NOBODY}\n\
         virtual_gid_maps = static:{NOBODY}\n",
        root = folder.display(),
        cert = cert.display(),
        key = key.display(),
    );
    std::fs::write(place("conf/main.cf"), main).unwrap();
    let mut master = std::fs::File::create(place("conf/master.cf")).unwrap();
    writeln!(master, "127.0.0.1:{port} inet n - n - - smtpd").unwrap();
    for service in [
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce",
        "defer unix - - n - 0 bounce",
        "proxymap unix - - n - - proxymap",
        "virtual unix - n n - - virtual",
        "error unix - - n - - error",
        "anvil unix - - n - 1 anvil",
        "postlog unix-dgram n - n - 1 postlogd",
    ] {
        writeln!(master, "{service}").unwrap();
    }
    let mut command = program("postfix");
    command.arg("-c").arg(place("conf")).arg("start-fg");
    (command, place("mail/ann/new"))
}

fn smtp_sink(folder: &Path, port: u16) -> (Command, PathBuf) {
    let mails = folder.join("mail");
    std::fs::create_dir(&mails).unwrap();
    let mut command = program("smtp-sink");
    command.arg("-d").arg(mails.join("mail.")).arg(format!("127.0.0.1:{port}")).arg("100");
    (command, mails)
}

fn uid_of(account: &str) -> u32 {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts.lines().find(|line| line.split(':').next() == Some(account));
    line.and_then(|line| line.split(':').nth(2)?.parse().ok()).unwrap_or_else(|| panic!("no account {account}"))
}
