//! Who is on the sender's list.

use super::dice::Dice;
use super::domains::{self, MISSPELT};

const FIRST: [&str; 40] = [
    "Ada", "Agnes", "Albert", "Alice", "Amir", "Anna", "Arthur", "Beatrix", "Ben", "Carla", "Chloe", "Clara", "Daniel",
    "Dora", "Edith", "Elias", "Emma", "Felix", "Flora", "George", "Grace", "Hanna", "Hugo", "Ida", "Ivan", "Jack",
    "Jonas", "Julia", "Karim", "Leah", "Linus", "Mabel", "Marta", "Nora", "Oscar", "Priya", "Rosa", "Samuel", "Theo",
    "Vera",
];
const LAST: [&str; 40] = [
    "Abbott", "Alder", "Barker", "Birch", "Bishop", "Brook", "Carter", "Chandra", "Cole", "Dale", "Draper", "Ellis",
    "Farrow", "Fisher", "Ford", "Garner", "Green", "Hale", "Hart", "Heath", "Holt", "Iqbal", "Jarvis", "Keller",
    "Lane", "Marsh", "Meadows", "Moss", "Novak", "Okafor", "Page", "Quinn", "Reed", "Sands", "Shaw", "Stone", "Thorne",
    "Vale", "Webb", "Yates",
];

/// A reader.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// First name.
    pub(super) first: &'static str,
    /// Last name.
    pub(super) last: &'static str,
    /// Where mail goes.
    pub(super) address: String,
    /// The number in the sender's books.
    pub(super) number: usize,
}

/// The reader of a number.
pub(super) fn person(number: usize) -> Person {
    let mut dice = Dice::of(&["person", &number.to_string()]);
    let (first, last) = named(&mut dice);
    let domain = domains::draw(&mut dice).domain;
    Person { first, last, address: address(first, last, number, domain), number }
}

/// One who misspelt the own address when signing up for a campaign.
pub(super) fn misspelt(campaign: &str, number: usize) -> Person {
    let (first, last) = named(&mut Dice::of(&["misspelt", campaign, &number.to_string()]));
    let tagged = format!("{}.{}.{campaign}{number}@{MISSPELT}", first.to_lowercase(), last.to_lowercase());
    Person { first, last, address: tagged, number: 90_000 + number }
}

fn named(dice: &mut Dice) -> (&'static str, &'static str) {
    (dice.pick(&FIRST).unwrap_or("Ada"), dice.pick(&LAST).unwrap_or("Abbott"))
}

fn address(first: &str, last: &str, number: usize, domain: &str) -> String {
    format!("{}.{}{number}@{domain}", first.to_lowercase(), last.to_lowercase())
}
