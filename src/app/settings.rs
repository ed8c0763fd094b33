//! Each room's own settings, made from the configuration, so that no room knows it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::world::Servers;
use crate::clock::Clock;
use crate::config::{AddressFamily, ClientAddresses, Config, DeliveryMode, InsecureAuth, Shown, VisibleUrlLinks};
use crate::dashboard::Configured;
use crate::delivery::{self, Dispatch, Host, NoticeSettings};
use crate::domain::Mode;
use crate::mail::recipe::SignersFor;
use crate::server::tls::Certificate;
use crate::store;
use crate::submission::{self, IntakeSettings};
use crate::tracking::{self, AddressKept};

/// How long deliveries under way may take to end at a stop.
const GRACE: Duration = Duration::from_secs(25);

/// Memory for messages on their way in, over all sessions.
const DATA_MEMORY_BYTES: usize = 64 << 20;

/// Chance, from the system's generator.
pub fn random() -> u64 {
    rand::random()
}

/// Uniform in 0 to 1.
fn chance() -> f64 {
    rand::random()
}

/// Where people reach the dashboard, without a final slash; `bound` is where the web listener really is.
pub fn dashboard_url(config: &Config, bound: Option<SocketAddr>) -> String {
    if !config.web.public_url.is_empty() {
        return config.web.public_url.trim_end_matches('/').to_owned();
    }
    let scheme = if config.web.tls_cert.is_empty() { "http" } else { "https" };
    format!("{scheme}://{}", bound.unwrap_or(config.web.listen))
}

/// What the configuration says, for the settings page.
pub(super) fn configured(config: &Config) -> Vec<Configured> {
    let row =
        |shown: &Shown| Configured { key: shown.key.clone(), value: shown.value.clone(), place: shown.place.clone() };
    config.shown.iter().map(row).collect()
}

/// What decides how mail is tracked.
const TRACKED: [&str; 8] = [
    "tracking.base_url",
    "tracking.opens",
    "tracking.clicks",
    "tracking.text_links",
    "tracking.unsubscribe",
    "tracking.exclude_hosts",
    "tracking.visible_url_links",
    "tracking.pixel",
];

/// What decides how mail is tracked and how readers are told apart, as the store compares it with the last start's.
pub(super) fn watched(config: &Config) -> Vec<(String, String)> {
    let tracked = config.shown.iter().filter(|shown| TRACKED.contains(&shown.key.as_str()));
    let mut watched: Vec<_> = tracked.map(|shown| (shown.key.clone(), shown.value.clone())).collect();
    watched.push(("audience.rules".to_owned(), config.tracking.audience_rules.digest()));
    watched
}

/// How the store is opened.
pub fn store_settings(config: &Config) -> store::Settings {
    store::Settings { data_dir: config.data_dir.clone(), node: config.node, clock: Clock, random }
}

/// Whether accepted mail leaves the house.
pub(super) fn mode(config: &Config) -> Mode {
    match config.delivery.mode {
        DeliveryMode::Sandbox => Mode::Sandbox,
        DeliveryMode::Mx | DeliveryMode::Smarthost => Mode::Live,
    }
}

pub(super) fn intake(config: &Config) -> IntakeSettings {
    IntakeSettings {
        hostname: config.hostname.clone(),
        mode: mode(config),
        base_url: config.tracking.base_url.clone(),
        opens: config.tracking.opens,
        clicks: config.tracking.clicks,
        text_links: config.tracking.text_links,
        unsubscribe: config.tracking.unsubscribe,
        exclude_hosts: config.tracking.exclude_hosts.clone(),
        track_visible_urls: config.tracking.visible_url_links == VisibleUrlLinks::Track,
        vendor_headers: config.submission.vendor_headers,
        pixel: config.tracking.pixel,
        expire: config.delivery.retry.expire(),
    }
}

pub(super) fn submission(config: &Config) -> submission::Settings {
    let s = &config.submission;
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    submission::Settings {
        hostname: config.hostname.to_string(),
        insecure_auth: match s.insecure_auth {
            InsecureAuth::Never => submission::InsecureAuth::Never,
            InsecureAuth::Loopback => submission::InsecureAuth::Loopback,
            InsecureAuth::Always => submission::InsecureAuth::Always,
        },
        trusted_networks: s.trusted_networks.clone(),
        max_message_bytes: s.max_message_bytes,
        max_recipients: count(s.max_recipients),
        max_connections: count(s.max_connections),
        // One client may use half of all sessions, so that a runaway program leaves room for others.
        max_connections_per_address: count(s.max_connections).div_ceil(2),
        idle_timeout: s.idle_timeout,
        data_memory_bytes: DATA_MEMORY_BYTES,
        spool_dir: config.data_dir.join("tmp"),
    }
}

/// The certificates that the listeners show.
#[derive(Clone)]
pub(super) struct Certificates {
    pub(super) submission: Option<Arc<Certificate>>,
    pub(super) web: Option<Arc<Certificate>>,
    pub(super) tracking: Option<Arc<Certificate>>,
}

impl Certificates {
    /// Reads them; an empty file name is none.
    pub(super) fn load(config: &Config) -> Result<Self, String> {
        let load = |cert: &str, key: &str| {
            (!cert.is_empty()).then(|| Certificate::load(Path::new(cert), Path::new(key))).transpose()
        };
        Ok(Self {
            submission: load(&config.submission.tls_cert, &config.submission.tls_key)?,
            web: load(&config.web.tls_cert, &config.web.tls_key)?,
            tracking: load(&config.tracking.tls_cert, &config.tracking.tls_key)?,
        })
    }

    /// Reads those anew whose files have changed; what cannot be used is said once, and the old one stays.
    pub(super) fn refresh(&self) {
        for certificate in [&self.submission, &self.web, &self.tracking].into_iter().flatten() {
            match certificate.refresh() {
                Ok(true) => tracing::info!(file = %certificate.path().display(), "a new certificate is in use"),
                Ok(false) => {}
                Err(error) => tracing::error!(error, "a certificate cannot be used; the old one stays"),
            }
        }
    }
}

/// What a listener with this certificate needs.
pub(super) fn tls(certificate: Option<&Arc<Certificate>>) -> Result<Option<Arc<rustls::ServerConfig>>, String> {
    certificate.map(Certificate::server_config).transpose()
}

pub(super) fn dispatch(config: &Config, clock: Clock, servers: Option<Servers>) -> Dispatch {
    Dispatch {
        schedule: config.delivery.retry.clone(),
        sites: Arc::clone(&config.delivery.sites),
        canary: config.delivery.canary,
        sandbox_has_servers: servers.is_some(),
        grace: GRACE,
        clock,
        chance,
    }
}

pub(super) fn notices(config: &Config, clock: Clock, signers_for: SignersFor) -> NoticeSettings {
    NoticeSettings {
        hostname: config.hostname.clone(),
        mode: mode(config),
        expire: config.delivery.retry.expire(),
        unasked: config.delivery.bounce_messages,
        signers_for,
        clock,
        random,
    }
}

/// `servers`: those of the sandbox, where it has any; no name is looked up anywhere else then.
pub(super) fn courier(config: &Config, servers: Option<Servers>) -> Result<delivery::Settings, String> {
    let d = &config.delivery;
    let mode = match d.mode {
        DeliveryMode::Sandbox => delivery::Mode::Sandbox,
        DeliveryMode::Mx => delivery::Mode::Mx,
        DeliveryMode::Smarthost => {
            let smarthost = Host::smarthost(&d.smarthost).map_err(|e| format!("delivery.smarthost: {e}"))?;
            delivery::Mode::Smarthost(Arc::new(smarthost))
        }
    };
    let mut settings =
        delivery::Settings { hostname: config.hostname.to_string(), mode, ..delivery::Settings::default() };
    settings.routes.clone_from(&d.routes);
    settings.port = d.port;
    settings.bounce_rules = d.bounce_rules.clone();
    settings.dns.clone_from(&d.dns);
    settings.allow_private_mx = d.allow_private_mx;
    settings.address_family = match d.address_family {
        AddressFamily::Auto => delivery::AddressFamily::Auto,
        AddressFamily::Ipv4 => delivery::AddressFamily::Ipv4,
        AddressFamily::Ipv6 => delivery::AddressFamily::Ipv6,
    };
    settings.source_addresses.clone_from(&d.source_addresses);
    settings.providers = Arc::clone(&d.sites);
    if let Some(Servers { dns, port }) = servers {
        (settings.mode, settings.dns, settings.port) = (delivery::Mode::Mx, vec![dns], port);
        (settings.routes, settings.allow_private_mx) = (delivery::Routes::default(), true);
    }
    Ok(settings)
}

pub(super) fn tracking(config: &Config) -> tracking::Settings {
    tracking::Settings {
        trusted_proxies: config.web.trusted_proxies.clone(),
        address_kept: match config.retention.client_addresses {
            ClientAddresses::Full => AddressKept::Full,
            ClientAddresses::Truncate => AddressKept::Network,
            ClientAddresses::None => AddressKept::Nothing,
        },
    }
}
