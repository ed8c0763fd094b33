//! What a configuration file may say.

use super::*;

fn none() -> impl Iterator<Item = (String, String)> {
    std::iter::empty()
}

fn complaints(text: &str) -> Vec<String> {
    read(text, none(), "box").unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_the_defaults() {
    let config = read("", none(), "box").unwrap();
    assert_eq!(config.submission.listen, ["127.0.0.1:2525".parse().unwrap()]);
    assert_eq!(config.delivery.mode, DeliveryMode::Sandbox);
    assert_eq!(config.hostname.as_str(), "box");
    assert_eq!(config.delivery.retry.expire(), Duration::from_hours(72));
}

#[test]
fn a_time_zone_is_one_that_is_known() {
    assert_eq!(read("", none(), "box").unwrap().web.time_zone, Zone::UTC);
    let config = read("[web]\ntime_zone = \"asia/kathmandu\"\n", none(), "box").unwrap();
    assert_eq!(config.web.time_zone.name(), "Asia/Kathmandu");
    let found = complaints("[web]\ntime_zone = \"Europe/Atlantis\"\n");
    let wanted = "line 2, column 1: web.time_zone: \"Europe/Atlantis\" is no time zone; give a name such as";
    assert!(found.len() == 1 && found[0].starts_with(wanted), "{found:?}");
}

#[test]
fn variables_lie_over_the_file() {
    let variables = [
        ("POSTRIDER__NODE", "7"),
        ("POSTRIDER__SUBMISSION__LISTEN", "127.0.0.1:1, 127.0.0.1:2"),
        ("POSTRIDER__TRACKING__OPENS", "false"),
        ("POSTRIDER__DELIVERY__RETRY", "[\"1s\"]"),
        ("OTHER", "x"),
    ];
    let variables = variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned()));
    let config = read("node = 3\n[tracking]\nopens = true\n", variables, "box").unwrap();
    assert_eq!((config.node, config.submission.listen.len(), config.tracking.opens), (7, 2, false));
    let wrong = [("POSTRIDER__NODE".to_owned(), "2000".to_owned())];
    assert_eq!(
        read("", wrong.into_iter(), "box").unwrap_err()[0].to_string(),
        "POSTRIDER__NODE: node: must be from 0 to 1023"
    );
}

#[test]
fn every_value_is_shown_with_its_place_and_no_secret() {
    let variables = [("POSTRIDER__NODE".to_owned(), "7".to_owned())];
    let text = "[delivery]\nsmarthost = \"smtp://user:p@ss/w@127.0.0.1:25\"\nretry = [\"1s\"]\n";
    let shown = read(text, variables.into_iter(), "box").unwrap().shown;
    let of = |key: &str| shown.iter().find(|row| row.key == key).map(|row| (row.value.as_str(), row.place.as_str()));
    assert_eq!(of("delivery.smarthost"), Some(("\"smtp://user:********@127.0.0.1:25\"", "line 2, column 1")));
    assert_eq!(of("delivery.retry"), Some(("[\"1s\"]", "line 3, column 1")));
    assert_eq!(of("node"), Some(("7", "POSTRIDER__NODE")));
    assert_eq!(of("hostname"), Some(("\"box\"", "")));
    assert_eq!(of("submission.insecure_auth"), Some(("\"loopback\"", "")));
    assert_eq!(of("web.metrics_networks"), Some(("[\"127.0.0.0/8\", \"::1/128\"]", "")));
}

#[test]
fn every_complaint_comes_at_once_with_its_place() {
    let found = complaints(
        "nod = 1\n[submission]\nlisten = \"x\"\nmax_recipients = true\n[delivery]\nmode = \"mxx\"\nretry = [\"soon\"]\n[sub]\na = 1\n",
    );
    let starts = [
        "line 1, column 1: nod: there is no such key; there are data_dir, hostname, node",
        "line 3, column 1: submission.listen: \"x\" is not an address with a port",
        "line 4, column 1: submission.max_recipients: is true or false, but must be a whole number",
        "line 6, column 1: delivery.mode: \"mxx\" is not one of \"sandbox\", \"mx\", \"smarthost\"",
        "line 7, column 1: delivery.retry: \"soon\" is not a duration",
        "line 9, column 1: sub.a: there is no such section",
    ];
    for start in starts {
        assert!(found.iter().any(|c| c.starts_with(start)), "{start}\n{found:#?}");
    }
    assert!(complaints("node = \n")[0].starts_with("line 1"));
}

#[test]
fn dead_links_are_refused_before_they_are_sent() {
    let mx = "hostname = \"relay.example.com\"\n[delivery]\nmode = \"mx\"\n[tracking]\n";
    for bad in [
        "http://127.0.0.1:8080",
        "http://10.1.2.3",
        "https://track",
        "ftp://track.example.com",
        "https://a.example/x?y=1",
    ] {
        assert!(complaints(&format!("{mx}base_url = \"{bad}\"\n"))[0].contains("base_url"), "{bad}");
    }
    assert!(read(&format!("{mx}base_url = \"https://track.example.com/\"\n"), none(), "box").is_ok());
    assert!(read(&format!("{mx}allow_test_base_url = true\n"), none(), "box").is_ok());
    let local = "[delivery]\nmode = \"smarthost\"\nsmarthost = \"smtp://127.0.0.1:2500\"\n";
    assert!(read(local, none(), "box").is_ok());
    let one = "[web]\npublic_url = \"https://a.example.com:8443\"\n[tracking]\nbase_url = \"https://a.example.com\"\n";
    assert!(complaints(one)[0].contains("web.public_url"));
    assert!(complaints("[delivery]\nmode = \"mx\"\n[tracking]\nallow_test_base_url = true\n")[0].contains("hostname"));
}

#[test]
fn files_beside_it_are_named_with_what_is_wrong() {
    for key in ["sites_file", "bounce_rules"] {
        let told = &complaints(&format!("[delivery]\n{key} = \"/none/such\"\n"))[0];
        assert!(told.starts_with(&format!("line 2, column 1: delivery.{key}: /none/such cannot be read")), "{told}");
    }
    let told = &complaints("[tracking]\naudience_rules = \"/none/such\"\n")[0];
    assert!(told.starts_with("line 2, column 1: tracking.audience_rules: /none/such cannot be read"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    std::fs::write(&file, "[[rule]]\nname = \"a\"\nclass = \"human\"\nnetwork = [\"192.0.2\"]\n").unwrap();
    let told = &complaints(&format!("[tracking]\naudience_rules = {file:?}\n"))[0];
    assert!(told.contains("rules.toml, line 4: rule \"a\", network: \"192.0.2\": is no network"), "{told}");
    let file = folder.path().join("sites.toml");
    std::fs::write(&file, "[[site]]\nname = \"a\"\nmx = [\"b.example\"]\nconnections = 0\n").unwrap();
    let told = &complaints(&format!("[delivery]\nsites_file = {file:?}\n"))[0];
    assert!(told.contains("sites.toml, a: connections has to be 1 to 1000"), "{told}");
}

#[test]
fn the_canary_is_a_table_of_its_own() {
    let good = |text: &str| read(text, none(), "box").unwrap();
    assert!(!good("").delivery.canary.is_on());
    let canary = good("[delivery.canary]\nfirst = 200\nrefused = 0\n").delivery.canary;
    assert_eq!(canary, crate::domain::Canary { first: 200, refused: 0.0, complained: 0.003 });
    assert_eq!(good("[delivery]\ncanary = { first = 9, complained = 0.01 }\n").delivery.canary.first, 9);
    for (text, told) in [
        ("[delivery.canary]\nfirst = -1\n", "line 2, column 1: delivery.canary.first: must be from 0 to 1000000"),
        ("[delivery.canary]\nrefused = 5.0\n", "delivery.canary.refused: must be a part of a whole"),
        ("[delivery.canary]\nrefused = \"5 %\"\n", "is a text, but must be a part of a whole"),
        ("[delivery.canary]\nfirst = 0.5\n", "is a fraction, but must be a whole number"),
        ("[delivery.canary]\nlast = 1\n", "there is no such key; there are complained, first, refused"),
    ] {
        let complaints = complaints(text);
        assert!(complaints[0].contains(told), "{text}: {complaints:?}");
    }
}
