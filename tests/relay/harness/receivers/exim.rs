//! Exim, which is unpacked beside the build: Debian's packages of Postfix and Exim exclude each other.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NOBODY, RECIPIENTS_MAX};
use crate::harness::Certificate;
use crate::harness::tools::{own_uid, program};

/// A configuration of its own for each instance. It runs and delivers as an account without rights.
pub(super) fn command(folder: &Path, port: u16, certificate: &Certificate) -> (Command, PathBuf) {
    let place = |name: &str| folder.join(name);
    let account = if own_uid() == 0 { NOBODY } else { own_uid() };
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    // It reads the key as the account that it runs as.
    for (name, from) in [("cert.pem", certificate.cert()), ("key.pem", certificate.key())] {
        std::fs::copy(from, place(name)).unwrap();
        chown(place(name), Some(account), None).unwrap();
    }
    for name in ["spool", "mail"] {
        std::fs::create_dir(place(name)).unwrap();
        chown(place(name), Some(account), None).unwrap();
    }
    chown(folder, Some(account), None).unwrap();
    let configuration = format!(
        "exim_user = {account}\nexim_group = {account}\nnever_users =\ndeliver_drop_privilege\nkeep_environment =\n\
         spool_directory = {root}/spool\nlog_file_path = {root}/log-%slog\npid_file_path = {root}/pid\n\
         primary_hostname = mx.exim.example\ndomainlist here = exim.example : two.exim.example\n\
         local_interfaces = 127.0.0.1\ndaemon_smtp_ports = {port}\nhost_lookup =\nrfc1413_hosts =\n\
         tls_advertise_hosts = *\ntls_certificate = {root}/cert.pem\ntls_privatekey = {root}/key.pem\n\
         recipients_max = {RECIPIENTS_MAX}\nsmtp_accept_max_per_connection = 1000\nacl_smtp_mail = mail\nacl_smtp_rcpt = rcpt\n\
         acl_smtp_data = accept\nbegin acl\n\
         mail:\n  deny !encrypted = *\n    message = 5.7.0 use STARTTLS first\n  accept\n\
         rcpt:\n  deny !domains = +here\n    message = 5.7.1 relaying is denied\n\
         \x20 deny local_parts = ^stranger\n    message = 5.1.1 no such person here\n  accept\n\
         begin routers\nall:\n  driver = accept\n  transport = mailbox\n\
         begin transports\nmailbox:\n  driver = appendfile\n  directory = {root}/mail\n  maildir_format\n\
         \x20 envelope_to_add\n  return_path_add\n  user = {account}\n  group = {account}\n",
        root = folder.display(),
    );
    std::fs::write(place("conf"), configuration).unwrap();
    let mut command = program(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-exim/exim4"));
    command.arg("-C").arg(place("conf")).arg("-bdf");
    (command, place("mail/new"))
}
