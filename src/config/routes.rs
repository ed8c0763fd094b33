//! `[[delivery.routes]]`: domains whose mail goes to a named host.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::delivery::{Host, Pattern, Routes, TlsPolicy};

use super::read::Reader;

const KEY: &str = "delivery.routes";
const POLICIES: [(&str, TlsPolicy); 4] = [
    ("opportunistic", TlsPolicy::Opportunistic),
    ("required", TlsPolicy::Required),
    ("verified", TlsPolicy::Verified),
    ("never", TlsPolicy::Never),
];

const DOMAIN: &str = "a domain such as \"house.example\", or \"*.house.example\" for all below it";

/// Reads them all. No complaint shows what stands in a URL: there may be a password.
pub(super) fn routes(r: &mut Reader) -> Routes {
    let (mut routes, mut routed) = (Routes::default(), BTreeSet::new());
    for table in r.tables(KEY) {
        let key = format!("{table}.domains");
        let domains: Vec<Pattern> = r.list(&key, &[], DOMAIN);
        if domains.is_empty() && !r.has_complaint(&key) {
            r.complain(&key, "must name at least one domain, such as [\"house.example\", \"*.house.example\"]");
        }
        let host = host(r, &table).map(Arc::new);
        for domain in domains {
            if let Some(host) = &host {
                routes.set(&domain, host);
            }
            if !routed.insert(domain.clone()) {
                r.complain(&key, format!("\"{domain}\" has a route already"));
            }
        }
    }
    routes
}

fn host(r: &mut Reader, table: &str) -> Option<Host> {
    let (to_key, tls_key) = (format!("{table}.to"), format!("{table}.tls"));
    let to = r.text(&to_key, "");
    // Left out, the login decides.
    let wanted = !r.text(&tls_key, "").is_empty();
    let policy = wanted.then(|| r.choice(&tls_key, &POLICIES, TlsPolicy::Verified));
    if to.is_empty() {
        if !r.has_complaint(&to_key) {
            r.complain(&to_key, "must name a host, such as \"smtp://mail.house.example:25\"");
        }
        return None;
    }
    let host = Host::route(&to).map_err(|why| r.complain(&to_key, why.to_string())).ok()?;
    match policy {
        None => Some(host),
        Some(policy) => host.with_tls(policy).map_err(|why| r.complain(&tls_key, why.to_string())).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Complaint, Config, read};
    use crate::domain::Domain;

    fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<Complaint>> {
        read(text, variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), "box")
    }

    fn complaints(text: &str) -> Vec<String> {
        read_with(text, &[]).unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn to(config: &Config, domain: &str) -> Option<String> {
        config.delivery.routes.of(&Domain::parse(domain).unwrap()).map(|host| format!("{host:?}"))
    }

    const TWO: &str = "[delivery]\n[[delivery.routes]]\ndomains = [\"house.example\", \"*.house.example\"]\n\
        to = \"lmtp+unix:///run/dovecot/lmtp\"\n[[delivery.routes]]\ndomains = [\"lab.house.example\"]\n\
        to = \"smtp://relay:p@ss/w@192.0.2.7:2525\"\ntls = \"required\"\n";

    #[test]
    fn each_table_is_a_route() {
        let config = read_with(&TWO.replace("p@ss/w", "p%40ss%2Fw"), &[]).unwrap();
        assert_eq!(config.delivery.routes.len(), 3);
        assert!(to(&config, "a.house.example").unwrap().contains("/run/dovecot/lmtp"));
        let lab = to(&config, "lab.house.example").unwrap();
        assert!(lab.contains("192.0.2.7") && lab.contains("2525") && lab.contains("Required"), "{lab}");
        assert_eq!(to(&config, "b.example"), None);
        let inline = "delivery.routes = [{ domains = [\"house.example\"], to = \"smtp://192.0.2.7\" }]\n";
        assert_eq!(read_with(inline, &[]).unwrap().delivery.routes.len(), 1);
        assert!(read_with("delivery.routes = []\n", &[]).unwrap().delivery.routes.is_empty());
        assert!(read_with("", &[]).unwrap().delivery.routes.is_empty());
    }

    #[test]
    fn variables_lie_over_a_route_and_can_make_one() {
        let text = "[[delivery.routes]]\ndomains = [\"house.example\"]\nto = \"smtp://192.0.2.7\"\n";
        let variables = [
            ("POSTRIDER__DELIVERY__ROUTES__1__TO", "smtps://relay:secret@192.0.2.8"),
            ("POSTRIDER__DELIVERY__ROUTES__12__DOMAINS", "b.example, *.b.example"),
            ("POSTRIDER__DELIVERY__ROUTES__12__TO", "smtp://192.0.2.9"),
        ];
        let config = read_with(text, &variables).unwrap();
        assert!(to(&config, "house.example").unwrap().contains("192.0.2.8"));
        assert!(to(&config, "a.b.example").unwrap().contains("192.0.2.9"));
        let half = read_with("", &variables[..1]).unwrap_err();
        assert!(half[0].to_string().starts_with("POSTRIDER__DELIVERY__ROUTES__1__TO: delivery.routes.1.domains: "));
        let whole = read_with("", &[("POSTRIDER__DELIVERY__ROUTES", "[{ to = \"smtp://192.0.2.7\" }]")]).unwrap_err();
        assert!(whole[0].to_string().contains("POSTRIDER__DELIVERY__ROUTES__1__TO"), "{whole:?}");
    }

    #[test]
    fn no_password_is_shown() {
        let shown = read_with(&TWO.replace("p@ss/w", "p%40ss%2Fw"), &[]).unwrap().shown;
        let of =
            |key: &str| shown.iter().find(|row| row.key == key).map(|row| (row.value.as_str(), row.place.as_str()));
        assert_eq!(of("delivery.routes.2.to"), Some(("\"smtp://relay:********@192.0.2.7:2525\"", "line 7, column 1")));
        assert_eq!(of("delivery.routes.1.domains").unwrap().0, "[\"house.example\", \"*.house.example\"]");
        assert_eq!((of("delivery.routes"), of("delivery.routes.1.tls")), (None, Some(("\"\"", ""))));
        assert!(read_with("", &[]).unwrap().shown.iter().any(|row| row.key == "delivery.routes" && row.value == "[]"));
        // Nor in what is wrong with it.
        let wrong = complaints(TWO);
        assert!(wrong[0].starts_with("line 7, column 1: delivery.routes.2.to: "), "{wrong:?}");
        assert!(!wrong.concat().contains("ss/w"));
    }

    #[test]
    fn every_complaint_names_line_and_key() {
        let text = "[[delivery.routes]]\ndomains = [\"house.example\", \"*\"]\nto = \"lmtp://192.0.2.7:25\"\n\
            [[delivery.routes]]\ndomains = [\"HOUSE.example\", \"a b\"]\nto = \"smtp://192.0.2.7\"\nport = 25\n\
            [[delivery.routes]]\ndomains = [\"house.example\"]\nto = \"smtp://a:b@192.0.2.7\"\ntls = \"never\"\n\
            [[delivery.routes]]\ndomains = [\"house.example\"]\nto = \"smtp://192.0.2.8\"\ntls = \"maybe\"\n\
            [[delivery.routes]]\n\
            [[delivery.routes]]\ndomains = true\nto = \"smtp://192.0.2.9\"\n";
        let found = complaints(text);
        let starts = [
            "line 3, column 1: delivery.routes.1.to: names port 25, which is for SMTP",
            "line 2, column 1: delivery.routes.1.domains: \"*\" is not a domain such as \"house.example\", or",
            "line 5, column 1: delivery.routes.2.domains: \"a b\" is not a domain such as \"house.example\", or",
            "line 5, column 1: delivery.routes.2.domains: \"house.example\" has a route already",
            "line 9, column 1: delivery.routes.3.domains: \"house.example\" has a route already",
            "line 7, column 1: delivery.routes.2.port: there is no such key; there are domains, tls, to",
            "line 11, column 1: delivery.routes.3.tls: would let the password go in plain",
            "line 13, column 1: delivery.routes.4.domains: \"house.example\" has a route already",
            "line 15, column 1: delivery.routes.4.tls: \"maybe\" is not one of \"opportunistic\", \"required\"",
            "line 16, column 1: delivery.routes.5.domains: must name at least one domain",
            "line 16, column 1: delivery.routes.5.to: must name a host",
            "line 18, column 1: delivery.routes.6.domains: is true or false, but must be a list of texts",
        ];
        for start in starts {
            assert!(found.iter().any(|complaint| complaint.starts_with(start)), "{start}\n{found:#?}");
        }
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        assert!(complaints("[delivery.routes]\nto = \"x\"\n")[0].contains("[[delivery.routes]]"));
        assert!(complaints("delivery.routes = [1]\n")[0].contains("[[delivery.routes]]"));
        assert!(complaints("[delivery]\nroute = 1\n")[0].contains("retry, routes, sites_file, smarthost"));
    }
}
