//! Postfix.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NOBODY, RECIPIENTS_MAX};
use crate::harness::Certificate;
use crate::harness::tools::program;

/// A configuration of its own for each instance, beside the machine's.
pub(super) fn command(folder: &Path, port: u16, certificate: &Certificate) -> (Command, PathBuf) {
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
         smtpd_tls_received_header = yes\nvirtual_mailbox_domains = post.example, two.post.example\nvirtual_mailbox_base = {root}/mail\n\
         virtual_mailbox_maps = inline:{{ ann@post.example=ann/ }}, regexp:{{ {{/^reader-/ ann/}} }}\n\
         smtpd_recipient_limit = {RECIPIENTS_MAX}\nvirtual_uid_maps = static:{NOBODY}\n\
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

fn uid_of(account: &str) -> u32 {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts.lines().find(|line| line.split(':').next() == Some(account));
    line.and_then(|line| line.split(':').nth(2)?.parse().ok()).unwrap_or_else(|| panic!("no account {account}"))
}
