use super::*;

#[track_caller]
fn wrong(text: &str, line: usize, why: &str) {
    let Err(broken) = read(text) else { panic!("{text} can be read") };
    assert!(broken.line == line && broken.why.contains(why), "{text}\n{broken}");
}

#[test]
fn a_fault_names_line_rule_and_key() {
    let rule = |rest: &str| format!("# ours\n[[rule]]\nname = \"a\"\nclass = \"human\"\n{rest}\n");
    wrong(&rule(""), 3, "rule \"a\", name: looks at nothing; give it agent");
    wrong(&rule("agent = []"), 5, "rule \"a\", agent: is an empty list");
    wrong(&rule("agent = [\n\"b\",\n\" \",\n]"), 7, "agent: \" \": an empty text is in every agent");
    wrong(&rule("network = [\"10.0.0.0/8\", \"192.0.2.0/33\"]"), 5, "network: \"192.0.2.0/33\": is no network");
    wrong(&rule("mx = [\".\"]"), 5, "mx: \".\": is no end of a host's name");
    wrong(&rule("signal = [\"prefetched\"]"), 5, "signal: \"prefetched\": there are \"prefetch\" and \"head\"");
    wrong(&rule("within = \"soon\""), 5, "within: \"soon\" is no time such as \"20s\"");
    wrong(&rule("ahead = \"2d\""), 5, "ahead: \"2d\" is no time");
    wrong(&rule("event = \"read\""), 5, "event: \"read\" is none of open, click");
    wrong(&rule("agent_without = [\"b\"]"), 5, "agent_without: goes with agent");
    wrong(&rule("agnet = [\"b\"]"), 5, "unknown field `agnet`");
    wrong(&rule("agent = \"b\""), 5, "invalid type");
    wrong(
        &rule("agent = [\"b\"]\n[[rule]]\nname = \"a\"\nclass = \"human\"\nagent = [\"c\"]"),
        7,
        "name: stands here twice",
    );
    wrong(
        "[[rule]]\nname = \"a\"\nclass = \"people\"\nagent = [\"b\"]\n",
        3,
        "class: \"people\" is none of human, proxy",
    );
    wrong("[[rule]]\nname = \" \"\nclass = \"human\"\nagent = [\"b\"]\n", 2, "name: a name has 1 to 200 letters");
    wrong("[[rule]]\nclass = \"human\"\n", 1, "missing field `name`");
    wrong("[[rule]\n", 1, "");
    let burst = |rest: &str| format!("[[burst]]\nname = \"b\"\nclass = \"scanner\"\n{rest}\n");
    wrong(&burst("within = \"2s\"\nclients = \"one\""), 2, "burst \"b\", links: has to be given");
    wrong(&burst("within = \"2s\"\nclients = \"one\"\nlinks = 1"), 6, "links: has to be 2 or more");
    wrong(
        &burst("within = \"2s\"\nclients = \"one\"\nlinks = 3\nevery_link = true"),
        6,
        "links: goes without every_link",
    );
    wrong(&burst("within = \"2s\"\nclients = \"one\"\nlinks = 3\nleast = 4"), 7, "least: goes with every_link only");
    wrong(&burst("pause = \"2s\"\nclients = \"one\"\nevery_link = true\nleast = 1"), 7, "least: has to be 2 or more");
    let pace = "within: has to be given, or pause, and not both";
    wrong(&burst("clients = \"one\"\nlinks = 3"), 2, pace);
    wrong(&burst("within = \"2s\"\npause = \"2s\"\nclients = \"one\"\nlinks = 3"), 2, pace);
    wrong(&burst("within = \"2s\"\nclients = \"two\"\nlinks = 3"), 5, "clients: \"two\" is none of one, any");
    wrong("[[device]]\nname = \"watch\"\nagent = [\"b\"]\n", 2, "name: \"watch\" is none of unknown, phone");
    wrong("[[family]]\nname = \"b\"\n", 2, "looks at nothing");
}

#[test]
fn what_a_file_may_hold_is_bounded() {
    let texts = vec!["\"192.0.2.0/24\""; TEXTS_MAX + 1].join(",");
    let rule = format!("[[rule]]\nname = \"a\"\nclass = \"human\"\nnetwork = [{texts}]\n");
    wrong(&rule, 4, "more than 10000 texts and networks");
    wrong(&"[[family]]\nname = \"a\"\nagent = [\"b\"]\n".repeat(ENTRIES_MAX + 1), 1, "more than 1000 entries");
    wrong(&format!("[[family]]\nname = \"a\"\nagent = [\"{}\"]\n", "b".repeat(TEXT_MAX + 1)), 3, "is longer than 200");
}

#[test]
fn an_empty_file_has_no_rules_and_keeps_the_built_in_ones() {
    let file = read("").unwrap();
    assert!(file.built_in && file.table == Table::default());
    assert!(!read("built_in = false\n").unwrap().built_in);
}
