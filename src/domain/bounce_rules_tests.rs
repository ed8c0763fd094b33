use super::*;

fn reply(line: &str) -> Reply {
    Reply::from_lines([line.as_bytes()]).unwrap()
}

fn why(rules: &str) -> String {
    BounceRules::read(rules).unwrap_err().to_string()
}

#[test]
fn the_built_in_rules_can_be_read_and_say_where_they_are_from() {
    let rules = BounceRules::read(BUILT_IN).unwrap();
    let lines: Vec<_> = BUILT_IN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!((rules.0.len(), BounceRules::built_in()), (lines.len(), rules));
    for line in lines {
        let last_quote = line.rfind('"').map_or(0, |at| at + 1);
        let source = line[last_quote..].split_once("# ").map_or("", |(_, source)| source.trim());
        assert!(!source.is_empty(), "{line}");
        let is_named = source.starts_with("RFC ") || BUILT_IN.contains(&format!("#   {source} ")) || {
            let keys = BUILT_IN.lines().filter(|line| line.starts_with("#   "));
            keys.flat_map(|line| line.split([' ', ','])).any(|word| word.trim_end_matches(':') == source)
        };
        assert!(is_named, "{source}");
    }
}

#[test]
fn each_condition_narrows_a_rule() {
    let rules = "
        # mine first
        policy host:mx.example.com code:550   # of one host and those below it
        dns status:x.4.3-4,5.9.* code:4xx
        mailbox_full \"mailbox * full\" \"quota*\"
        greylisted code:4xx";
    let rules = BounceRules::read(rules).unwrap();
    let class = |line: &str, host: &str| rules.class(&reply(line), host);
    assert_eq!(class("550 no", "MX.example.com."), BounceClass::Policy);
    assert_eq!(class("550 no", "a.mx.example.com"), BounceClass::Policy);
    assert_eq!(class("550 no", "amx.example.com"), BounceClass::Other);
    assert_eq!(class("551 no", "mx.example.com"), BounceClass::Other);
    assert_eq!(class("451 4.4.4 no", ""), BounceClass::Dns);
    assert_eq!(class("451 5.9.77 no", ""), BounceClass::Dns);
    assert_eq!(class("451 4.9.77 no", ""), BounceClass::Greylisted);
    assert_eq!(class("550 Mailbox-of <ann@example.com> is FULL", ""), BounceClass::MailboxFull);
    assert_eq!(class("550 mailbox fuller", ""), BounceClass::Other);
    assert_eq!(class("550 over quotas", ""), BounceClass::MailboxFull);
    assert_eq!(class("550 antiquota", ""), BounceClass::Other);
    // Too far apart to belong together, and nobody's name is a reason.
    assert_eq!(class(&format!("550 mailbox {} full", "x ".repeat(50)), ""), BounceClass::Other);
    assert_eq!(class("550 <quota@example.com> unknown", ""), BounceClass::Other);
}

#[test]
fn broken_rules_say_where_and_what() {
    assert_eq!(why("\n# a\nspam \"x\"").split(';').next(), Some("line 3: spam is no class"));
    assert!(why("policy").starts_with("line 1: a rule needs a condition"));
    assert!(why("policy code:600").contains("600 is no reply code"));
    assert!(why("policy code:554-550").contains("is no reply code"));
    assert!(why("policy status:5.1").contains("5.1 is no enhanced code"));
    assert!(why("policy status:3.1.1").contains("is no enhanced code"));
    assert!(why("policy status:x.1.9-1").contains("is no enhanced code"));
    assert!(why("policy \"spam").contains("does not end"));
    assert!(why("policy \"*\"").contains("nothing to look for"));
    assert!(why("policy \"a ** b\"").contains("two stars"));
    assert!(why("policy \"a*b*c*d*e\"").contains("more than 3 stars"));
    assert!(why("policy spam").contains("spam is no condition"));
    assert!(why("policy host:").contains("host: needs a name"));
    assert!(why(&"policy code:550\n".repeat(RULES_MAX + 1)).contains("more than 10000 rules"));
}

#[test]
fn own_rules_come_before_the_built_in_ones() {
    let own = BounceRules::with_own("policy \"user unknown\" # of mine").unwrap();
    assert_eq!(own.class(&reply("550 5.1.1 User unknown"), ""), BounceClass::Policy);
    assert_eq!(own.class(&reply("550 5.1.1 No such user"), ""), BounceClass::InvalidRecipient);
    assert_eq!(BounceRules::built_in().class(&reply("550 5.1.1 User unknown"), ""), BounceClass::InvalidRecipient);
}

#[test]
fn codes_in_the_manner_of_qmail_count() {
    let built_in = BounceRules::built_in();
    assert_eq!(built_in.class(&reply("550 gone (#5.2.1)"), ""), BounceClass::InactiveMailbox);
    assert_eq!(built_in.class(&reply("550 gone #5.2.1.4"), ""), BounceClass::Other);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(rules in "\\PC{0,80}", text in "\\PC{0,200}", code in 400..600_u16) {
        let _ = BounceRules::read(&rules);
        let _ = BounceRules::read(&format!("policy \"{rules}\""));
        let _ = BounceRules::built_in().class(&Reply { code, enhanced: None, text }, "mx.example.com");
    }
}
