//! The configuration: read once, checked whole, handed on as each room's own settings.

mod check;
mod raw;
mod read;
mod routes;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use check::audience_file;
use read::Reader;
pub use read::{Complaint, PREFIX, Shown};

use crate::delivery::{Providers, Routes};
use crate::domain::{AudienceRules, BounceRules, Canary, Domain, RetrySchedule, Zone};
use crate::mail::plan::PixelPlace;

/// Where AUTH is allowed without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsecureAuth {
    /// Nowhere.
    Never,
    /// From this machine.
    Loopback,
    /// From everywhere.
    Always,
}

/// Where mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryMode {
    /// The built-in inbox.
    Sandbox,
    /// The receivers' own servers.
    Mx,
    /// One server for all.
    Smarthost,
}

/// Which addresses to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFamily {
    /// Both.
    Auto,
    /// Only version 4.
    Ipv4,
    /// Only version 6.
    Ipv6,
}

/// How much of a client's address is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddresses {
    /// All of it.
    Full,
    /// IPv4 /24, IPv6 /48.
    Truncate,
    /// Nothing.
    None,
}

/// What becomes of links whose text is a URL of another house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisibleUrlLinks {
    /// They stay.
    Leave,
    /// They are tracked.
    Track,
}

/// `[submission]`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the keys are documented for users in docs/CONFIGURATION.md")]
pub struct Submission {
    pub listen: Vec<SocketAddr>,
    pub listen_tls: Vec<SocketAddr>,
    pub tls_cert: String,
    pub tls_key: String,
    pub insecure_auth: InsecureAuth,
    pub trusted_networks: Vec<IpNet>,
    pub vendor_headers: bool,
    pub max_message_bytes: u64,
    pub max_recipients: u64,
    pub max_connections: u64,
    pub idle_timeout: Duration,
}

/// `[web]`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the keys are documented for users in docs/CONFIGURATION.md")]
pub struct Web {
    pub listen: SocketAddr,
    pub public_url: String,
    pub tls_cert: String,
    pub tls_key: String,
    pub trusted_proxies: Vec<IpNet>,
    pub metrics_networks: Vec<IpNet>,
    pub time_zone: Zone,
}

/// `[tracking]`.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    clippy::struct_excessive_bools,
    reason = "keys of the file, documented for users in docs/CONFIGURATION.md"
)]
pub struct Tracking {
    pub base_url: String,
    pub allow_test_base_url: bool,
    pub listen: Option<SocketAddr>,
    pub tls_cert: String,
    pub tls_key: String,
    pub opens: bool,
    pub clicks: bool,
    pub text_links: bool,
    pub unsubscribe: bool,
    pub exclude_hosts: Vec<Domain>,
    pub visible_url_links: VisibleUrlLinks,
    pub pixel: PixelPlace,
    pub audience_rules: AudienceRules,
}

/// `[delivery]`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the keys are documented for users in docs/CONFIGURATION.md")]
pub struct Delivery {
    pub mode: DeliveryMode,
    pub smarthost: String,
    pub routes: Routes,
    pub port: u16,
    pub dns: Vec<SocketAddr>,
    pub allow_private_mx: bool,
    pub address_family: AddressFamily,
    pub source_addresses: Vec<IpAddr>,
    pub retry: RetrySchedule,
    pub sites: Arc<Providers>,
    pub canary: Canary,
    pub bounce_messages: bool,
    pub bounce_rules: BounceRules,
}

/// `[retention]`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the keys are documented for users in docs/CONFIGURATION.md")]
pub struct Retention {
    pub events: Duration,
    pub bodies: Duration,
    pub bodies_max_bytes: u64,
    pub client_addresses: ClientAddresses,
}

/// The whole.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the keys are documented for users in docs/CONFIGURATION.md")]
pub struct Config {
    pub hostname: Domain,
    pub data_dir: PathBuf,
    pub node: u16,
    pub submission: Submission,
    pub web: Web,
    pub tracking: Tracking,
    pub delivery: Delivery,
    pub retention: Retention,
    /// Every key as pages may show it.
    pub shown: Vec<Shown>,
}

/// Reads the file's text and the variables. `host` is this machine's own name.
pub fn read(
    text: &str,
    variables: impl Iterator<Item = (String, String)>,
    host: &str,
) -> Result<Config, Vec<Complaint>> {
    let mut r = Reader::new(text, variables);
    let hostname = r.parsed_domain("hostname", host);
    let mut config = Config {
        data_dir: PathBuf::from(r.text("data_dir", "postrider-data")),
        node: u16::try_from(r.number("node", 0, 0..=1023)).unwrap_or_default(),
        submission: submission(&mut r),
        web: web(&mut r),
        tracking: tracking(&mut r),
        delivery: delivery(&mut r),
        retention: retention(&mut r),
        hostname: hostname.clone().unwrap_or_else(|| fallback_host(host)),
        shown: Vec::new(),
    };
    returns(&mut r);
    config.shown = r.shown();
    check_whole(&mut r, &config, host);
    let complaints = r.finish();
    if complaints.is_empty() { Ok(config) } else { Err(complaints) }
}

fn fallback_host(host: &str) -> Domain {
    Domain::parse(host).or_else(|_| Domain::parse("localhost")).unwrap_or_else(|_| unreachable!("localhost is a name"))
}

impl Reader {
    fn parsed_domain(&mut self, key: &str, default: &str) -> Option<Domain> {
        let text = self.text(key, default);
        match Domain::parse(&text) {
            Ok(domain) => Some(domain),
            Err(why) if self.has(key) => {
                self.complain(key, format!("{text:?} {why}; give a host name such as \"relay.example.com\""));
                None
            }
            Err(_) => None,
        }
    }
}

const SOCKET: &str = "an address with a port, such as \"127.0.0.1:2525\" or \"[::1]:2525\"";
const NETWORK: &str = "a network such as \"192.0.2.0/24\"";

fn submission(r: &mut Reader) -> Submission {
    let auth = [("never", InsecureAuth::Never), ("loopback", InsecureAuth::Loopback), ("always", InsecureAuth::Always)];
    Submission {
        listen: r.list("submission.listen", &["127.0.0.1:2525"], SOCKET),
        listen_tls: r.list("submission.listen_tls", &[], SOCKET),
        tls_cert: r.text("submission.tls_cert", ""),
        tls_key: r.text("submission.tls_key", ""),
        insecure_auth: r.choice("submission.insecure_auth", &auth, InsecureAuth::Loopback),
        trusted_networks: r.list("submission.trusted_networks", &[], NETWORK),
        vendor_headers: r.flag("submission.vendor_headers", true),
        max_message_bytes: r.number("submission.max_message_bytes", 26_214_400, 1_024..=1_073_741_824),
        max_recipients: r.number("submission.max_recipients", 1_000, 1..=100_000),
        max_connections: r.number("submission.max_connections", 1_000, 1..=100_000),
        idle_timeout: r.duration("submission.idle_timeout", "5m"),
    }
}

fn web(r: &mut Reader) -> Web {
    let default = SocketAddr::from(([127, 0, 0, 1], 8080));
    Web {
        listen: r.parsed("web.listen", "127.0.0.1:8080", SOCKET).unwrap_or(default),
        public_url: r.text("web.public_url", ""),
        tls_cert: r.text("web.tls_cert", ""),
        tls_key: r.text("web.tls_key", ""),
        trusted_proxies: r.list("web.trusted_proxies", &[], NETWORK),
        metrics_networks: r.list("web.metrics_networks", &["127.0.0.0/8", "::1/128"], NETWORK),
        time_zone: check::time_zone(r),
    }
}

fn tracking(r: &mut Reader) -> Tracking {
    let visible = [("leave", VisibleUrlLinks::Leave), ("track", VisibleUrlLinks::Track)];
    let places = [("auto", PixelPlace::Auto), ("top", PixelPlace::Top), ("bottom", PixelPlace::Bottom)];
    let listen = r.text("tracking.listen", "");
    let listen = if listen.is_empty() { None } else { r.parsed("tracking.listen", "", SOCKET) };
    let mut exclude_hosts = Vec::new();
    for host in r.texts("tracking.exclude_hosts", &[]) {
        match Domain::parse(&host) {
            Ok(domain) => exclude_hosts.push(domain),
            Err(why) => r.complain("tracking.exclude_hosts", format!("{host:?} {why}")),
        }
    }
    let base_url = r.text("tracking.base_url", "http://127.0.0.1:8080");
    Tracking {
        base_url: base_url.trim_end_matches('/').to_owned(),
        allow_test_base_url: r.flag("tracking.allow_test_base_url", false),
        listen,
        tls_cert: r.text("tracking.tls_cert", ""),
        tls_key: r.text("tracking.tls_key", ""),
        opens: r.flag("tracking.opens", true),
        clicks: r.flag("tracking.clicks", true),
        text_links: r.flag("tracking.text_links", false),
        unsubscribe: r.flag("tracking.unsubscribe", true),
        exclude_hosts,
        visible_url_links: r.choice("tracking.visible_url_links", &visible, VisibleUrlLinks::Leave),
        pixel: r.choice("tracking.pixel", &places, PixelPlace::Auto),
        audience_rules: check::audience_rules(r),
    }
}

fn delivery(r: &mut Reader) -> Delivery {
    let modes = [("sandbox", DeliveryMode::Sandbox), ("mx", DeliveryMode::Mx), ("smarthost", DeliveryMode::Smarthost)];
    let families = [("auto", AddressFamily::Auto), ("ipv4", AddressFamily::Ipv4), ("ipv6", AddressFamily::Ipv6)];
    let retry = r.durations("delivery.retry", &["1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h"]);
    if retry.is_empty() {
        r.complain("delivery.retry", "must hold at least one duration");
    }
    let expire = r.duration("delivery.expire", "3d");
    Delivery {
        mode: r.choice("delivery.mode", &modes, DeliveryMode::Sandbox),
        smarthost: r.text("delivery.smarthost", ""),
        routes: routes::routes(r),
        port: u16::try_from(r.number("delivery.port", 25, 1..=65_535)).unwrap_or(25),
        dns: r.list("delivery.dns", &[], SOCKET),
        allow_private_mx: r.flag("delivery.allow_private_mx", false),
        address_family: r.choice("delivery.address_family", &families, AddressFamily::Auto),
        source_addresses: r.list("delivery.source_addresses", &[], "an IP address"),
        retry: RetrySchedule::new(retry, expire),
        sites: Arc::new(check::sites(r)),
        canary: canary(r),
        bounce_messages: r.flag("delivery.bounce_messages", true),
        bounce_rules: check::bounce_rules(r),
    }
}

/// `[delivery.canary]`.
fn canary(r: &mut Reader) -> Canary {
    Canary {
        first: u32::try_from(r.number("delivery.canary.first", 0, 0..=1_000_000)).unwrap_or_default(),
        refused: r.part("delivery.canary.refused", 0.05),
        complained: r.part("delivery.canary.complained", 0.003),
    }
}

/// Read so that a file written for it is understood; mail that comes back is not taken yet.
fn returns(r: &mut Reader) {
    let listen: Vec<SocketAddr> = r.list("returns.listen", &[], SOCKET);
    let _ = r.text("returns.postmaster", "");
    if !listen.is_empty() {
        r.complain("returns.listen", "this version does not take returned mail yet; leave the list empty");
    }
}

fn retention(r: &mut Reader) -> Retention {
    let words =
        [("full", ClientAddresses::Full), ("truncate", ClientAddresses::Truncate), ("none", ClientAddresses::None)];
    Retention {
        events: r.duration("retention.events", "400d"),
        bodies: r.duration("retention.bodies", "1d"),
        bodies_max_bytes: r.number("retention.bodies_max_bytes", 1_073_741_824, 1_048_576..=1 << 50),
        client_addresses: r.choice("retention.client_addresses", &words, ClientAddresses::Truncate),
    }
}

/// What only the keys together can show.
fn check_whole(r: &mut Reader, config: &Config, host: &str) {
    for (cert, key) in [
        (("submission.tls_cert", &config.submission.tls_cert), ("submission.tls_key", &config.submission.tls_key)),
        (("web.tls_cert", &config.web.tls_cert), ("web.tls_key", &config.web.tls_key)),
        (("tracking.tls_cert", &config.tracking.tls_cert), ("tracking.tls_key", &config.tracking.tls_key)),
    ] {
        if cert.1.is_empty() != key.1.is_empty() {
            let missing = if cert.1.is_empty() { cert.0 } else { key.0 };
            r.complain(missing, "must be set too: a certificate and its key belong together");
        }
    }
    if !config.submission.listen_tls.is_empty() && config.submission.tls_cert.is_empty() {
        r.complain("submission.listen_tls", "needs tls_cert and tls_key");
    }
    if config.delivery.mode == DeliveryMode::Mx && !config.hostname.as_str().contains('.') {
        let why = if r.has("hostname") { "is no full name" } else { "must be set" };
        r.complain(
            "hostname",
            format!(
                "{why}: mode \"mx\" needs a full name such as \"relay.example.com\" (this host is called {host:?})"
            ),
        );
    }
    if config.delivery.mode == DeliveryMode::Smarthost && config.delivery.smarthost.is_empty() {
        r.complain("delivery.smarthost", "must be set for mode \"smarthost\", such as \"smtp://user:pass@host:587\"");
    }
    check::smarthost(r, config);
    check::base_url(r, config);
    check::public_url(r, config);
}

/// Reads a configuration file; a missing file that was not asked for by name is an empty one.
pub fn load(file: Option<&Path>) -> Result<(Config, Option<PathBuf>), Vec<Complaint>> {
    let path = file.map_or_else(|| PathBuf::from("postrider.toml"), Path::to_owned);
    let whole = |what: String| vec![Complaint { place: path.display().to_string(), key: String::new(), what }];
    let (text, found) = match std::fs::read_to_string(&path) {
        Ok(text) => (text, true),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => (String::new(), false),
        Err(error) => return Err(whole(format!("cannot be read: {error}"))),
    };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut config = read(&text, std::env::vars(), host.trim())?;
    config.shown.iter_mut().filter(|shown| shown.place.starts_with("line ")).for_each(|shown| {
        let line = shown.place.split(',').next().unwrap_or(&shown.place);
        shown.place = format!("{}, {line}", path.display());
    });
    Ok((config, found.then_some(path)))
}

#[cfg(test)]
mod tests;
