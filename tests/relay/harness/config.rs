//! The relay's configuration file, with what every scenario needs already in it.

use std::net::SocketAddr;

use super::Relay;

/// A configuration under construction. Every listener is on a free port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Config {
    table: toml::Table,
}

impl Default for Config {
    fn default() -> Self {
        Self { table: toml::Table::new() }
            .set("hostname", "relay.postrider.example")
            .set("submission.listen", vec!["127.0.0.1:0"])
            .set("web.listen", "127.0.0.1:0")
            .set("tracking.base_url", "https://track.postrider.example")
            .set("tracking.allow_test_base_url", true)
            .set("delivery.allow_private_mx", true)
            .set("delivery.retry", vec!["1s"])
    }
}

impl Config {
    /// A relay in sandbox mode, the mode without configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// A relay that hands everything to one server.
    pub fn smarthost(server: SocketAddr) -> Self {
        Self::new().set("delivery.mode", "smarthost").set("delivery.smarthost", format!("smtp://{server}"))
    }

    /// A relay that looks for MX hosts in `dns` and connects to them on `port`.
    pub fn mx(dns: SocketAddr, port: u16) -> Self {
        Self::new()
            .set("delivery.mode", "mx")
            .set("delivery.dns", vec![dns.to_string()])
            .set("delivery.port", i64::from(port))
    }

    /// Sets a key, `section.key`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        let mut table = &mut self.table;
        let mut names = key.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                table.insert(name.to_owned(), value.into());
                break;
            }
            let section = table.entry(name).or_insert_with(|| toml::Table::new().into());
            table = section.as_table_mut().expect("a section, not a value");
        }
        self
    }

    /// Sends the mail of these domains to a host; with how much TLS, unless that is empty.
    #[must_use]
    pub fn route(self, domains: &[&str], to: &str, tls: &str) -> Self {
        let mut route = toml::Table::new();
        route.insert("domains".into(), domains.to_vec().into());
        route.insert("to".into(), to.into());
        if !tls.is_empty() {
            route.insert("tls".into(), tls.into());
        }
        let mut routes =
            self.table["delivery"].get("routes").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        routes.push(route.into());
        self.set("delivery.routes", routes)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        toml::to_string(&self.table).unwrap()
    }

    /// Starts a relay with it.
    pub async fn start(self) -> Relay {
        Relay::start(self).await
    }
}
