//! What is wrong with values that lead elsewhere: URLs that the relay gives away, files that it reads.

use super::read::Reader;
use super::{Config, DeliveryMode};
use crate::delivery::{Host, HostError, Providers, Start};
use crate::domain::{AudienceRules, BounceRules, Zone, is_loopback};

/// The longest file that is read beside the configuration, in octets.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What the file says that a key names; `None` for none, and where it cannot be used.
fn named_file<T>(r: &mut Reader, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let file = r.text(key, "");
    if file.is_empty() {
        return None;
    }
    read_file(&file, parse).map_err(|why| r.complain(key, why)).ok()
}

fn read_file<T>(file: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    let text = match std::fs::metadata(file) {
        Ok(about) if about.len() > FILE_BYTES_MAX => Err(format!("{file} is larger than {FILE_BYTES_MAX} octets")),
        Ok(_) => std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}")),
        Err(error) => Err(format!("{file} cannot be read: {error}")),
    };
    parse(&text?).map_err(|broken| format!("{file}, {broken}"))
}

/// A file of rules that say who fetched something, as `tracking.audience_rules` names one.
pub fn audience_file(file: &str) -> Result<AudienceRules, String> {
    read_file(file, |text| AudienceRules::with_own(text).map_err(|e| e.to_string()))
}

/// The built-in rules, behind those of the file that is named.
pub(super) fn audience_rules(r: &mut Reader) -> AudienceRules {
    let own = named_file(r, "tracking.audience_rules", |text| AudienceRules::with_own(text).map_err(|e| e.to_string()));
    own.unwrap_or_else(AudienceRules::built_in)
}

/// In whose times people read the pages who have not chosen.
pub(super) fn time_zone(r: &mut Reader) -> Zone {
    let name = r.text("web.time_zone", "UTC");
    Zone::parse(&name).unwrap_or_else(|| {
        let what = format!("{name:?} is no time zone; give a name such as \"Europe/Amsterdam\" or \"UTC\"");
        r.complain("web.time_zone", what);
        Zone::UTC
    })
}

/// The built-in rules, behind those of the file that is named.
pub(super) fn bounce_rules(r: &mut Reader) -> BounceRules {
    let own = named_file(r, "delivery.bounce_rules", |text| BounceRules::with_own(text).map_err(|e| e.to_string()));
    own.unwrap_or_else(BounceRules::built_in)
}

/// How sites are approached: the built-in table behind that of the file that is named, and what holds for all others.
pub(super) fn sites(r: &mut Reader) -> Providers {
    let number = |n: u64, usual| u32::try_from(n).unwrap_or(usual);
    let other = Start {
        connections: number(r.number("delivery.connections_per_site", 10, 1..=1_000), 10),
        messages_per_connection: number(r.number("delivery.messages_per_connection", 100, 1..=100_000), 100),
        messages_per_second: None,
    };
    let own = named_file(r, "delivery.sites_file", |text| Providers::with_own(text, other));
    own.unwrap_or_else(|| Providers::built_in(other))
}

/// Looked at in its own mode only.
pub(super) fn smarthost(r: &mut Reader, config: &Config) {
    let text = config.delivery.smarthost.as_str();
    if config.delivery.mode != DeliveryMode::Smarthost || text.is_empty() {
        return;
    }
    match Host::smarthost(text) {
        Ok(_) => {}
        Err(HostError::NotUrl(_) | HostError::SmarthostScheme | HostError::NoHost) => {
            let what = "is not of the form \"smtp://host:587\" or \"smtps://user:pass@host:465\"";
            r.complain("delivery.smarthost", what);
        }
        Err(why) => r.complain("delivery.smarthost", why.to_string()),
    }
}

/// The host that is written into mail never shows the login.
pub(super) fn public_url(r: &mut Reader, config: &Config) {
    let text = config.web.public_url.as_str();
    let form = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !text.is_empty() && !form {
        r.complain("web.public_url", format!("{text:?} is not a URL such as \"https://relay.example.com\""));
    }
    let host = |text: &str| url::Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
    let dashboard = host(&config.web.public_url).filter(|name| !is_loopback(name));
    if dashboard.is_some() && dashboard == host(&config.tracking.base_url) {
        r.complain(
            "web.public_url",
            "names the host of tracking.base_url, which never shows the login; use another name",
        );
    }
}

/// Written into mail for ever, so it is checked before anything is sent.
pub(super) fn base_url(r: &mut Reader, config: &Config) {
    let key = "tracking.base_url";
    let text = config.tracking.base_url.as_str();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/[]".contains(&b));
    let url = url::Url::parse(text).ok().filter(|url| plain && matches!(url.scheme(), "http" | "https"));
    let Some(url) = url.filter(url::Url::has_host) else {
        r.complain(
            key,
            format!("{text:?} is not a URL such as \"https://track.example.com\" (letters, digits, - . _ ~ only)"),
        );
        return;
    };
    let all_is_local = config.delivery.mode == DeliveryMode::Smarthost
        && Host::smarthost(&config.delivery.smarthost).is_ok_and(|host| host.is_local())
        && config.delivery.routes.hosts().all(|host| host.is_local());
    let leaves = config.delivery.mode != DeliveryMode::Sandbox && !all_is_local;
    if leaves && !config.tracking.allow_test_base_url && is_unreachable(&url) {
        r.complain(
            key,
            format!(
                "{text:?} cannot be reached by recipients, so every link in sent mail would be dead for ever; set the public \
                 address of the tracking host (or, for a test, tracking.allow_test_base_url = true)"
            ),
        );
    }
}

fn is_unreachable(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Some(url::Host::Domain(name)) => !name.trim_end_matches('.').contains('.') || name.ends_with(".localhost"),
        None => true,
    }
}
