//! The house rules that no compiler knows: which room may import which, who speaks SQL, who reads the clock, how
//! long a file may be, what a type may not be called. `docs/ARCHITECTURE.md` says why.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "house/rules.rs"]
mod rules;
#[path = "house/source.rs"]
mod source;
#[path = "house/trials.rs"]
mod trials;

use std::path::Path;

use source::Tree;

/// Files that were longer than the limit when it was set, with their lines. Only ever make this shorter.
const LONG_FILES: &[(&str, usize)] = &[("domain/event.rs", 401)];

#[test]
fn the_house_is_in_order() {
    let tree = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(tree.files.len() > 10, "src/ was read");
    let complaints = rules::complaints(&tree, LONG_FILES);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
