//! A mailing as the bytes of a mail: HTML and plain text side by side, as newsletter programs write them.

use askama::Template;

use super::dice::Dice;
use super::letters::{Article, Form, Letter, VEGETABLES};
use super::people::Person;
use crate::domain::Timestamp;

/// The shop.
const SHOP: &str = "https://millbrook.example";
/// Where people write from, and whose key signs.
pub(super) const SENDING_DOMAIN: &str = "millbrook.example";
/// What reverse paths end with.
pub(super) const RETURN_DOMAIN: &str = "post.millbrook.example";
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[derive(Template)]
#[template(path = "demo/letter.html")]
struct LetterPage<'a> {
    letter: &'a Letter,
    articles: &'a [Article],
    shop: &'a str,
    /// Empty in a mail to many.
    first: &'a str,
    /// The reader's own page.
    own: &'a str,
    months: &'a [&'a str],
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "demo/letter.txt")]
struct LetterText<'a> {
    letter: &'a Letter,
    articles: &'a [Article],
    shop: &'a str,
    first: &'a str,
    own: &'a str,
}

#[derive(Template)]
#[template(path = "demo/order.html")]
struct OrderPage<'a> {
    letter: &'a Letter,
    shop: &'a str,
    first: &'a str,
    number: usize,
    items: Vec<(&'static str, usize, String)>,
    total: String,
}

#[derive(Template)]
#[template(path = "demo/order.txt")]
struct OrderText<'a> {
    letter: &'a Letter,
    shop: &'a str,
    first: &'a str,
    number: usize,
    items: Vec<(&'static str, usize, String)>,
    total: String,
}

/// A vegetable's year.
struct Row {
    name: &'static str,
    months: Vec<(&'static str, &'static str)>,
}

/// The mail to a person, or to many at once.
pub(super) fn mail(letter: &Letter, to: Option<&Person>, now: Timestamp) -> Result<Vec<u8>, askama::Error> {
    let first = to.map_or("", |person| person.first);
    let number = to.map_or(0, |person| person.number);
    let (html, text) = match letter.form {
        Form::News | Form::Almanac | Form::Invitation => newsletter(letter, first, number)?,
        Form::Order => order(letter, first, number)?,
    };
    let name = match letter.form {
        Form::Order => "Millbrook Seeds Orders",
        Form::News | Form::Almanac | Form::Invitation => "Millbrook Seeds",
    };
    let addressee = to.map_or_else(
        || "Friends of the orchard: ;".to_owned(),
        |person| format!("{} {} <{}>", person.first, person.last, person.address),
    );
    let boundary = format!("=_millbrook_{}_{number}", letter.name);
    let head = format!(
        "From: {name} <hello@{SENDING_DOMAIN}>\r\nTo: {addressee}\r\nSubject: {}\r\nDate: {}\r\n\
         Message-ID: <{}.{number}@{SENDING_DOMAIN}>\r\nX-Postrider-Campaign: {}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n",
        letter.subject,
        now.to_chrono().to_rfc2822(),
        letter.name,
        letter.name,
    );
    let part = |kind: &str, text: &str| {
        let text = quoted_printable::encode_to_str(text.replace('\n', "\r\n"));
        format!(
            "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: \
             quoted-printable\r\n\r\n{text}\r\n"
        )
    };
    Ok(format!("{head}{}{}--{boundary}--\r\n", part("plain", &text), part("html", &html)).into_bytes())
}

fn newsletter(letter: &Letter, first: &str, number: usize) -> Result<(String, String), askama::Error> {
    let own = if first.is_empty() { String::new() } else { format!("{SHOP}/garden/{number}") };
    let (articles, shop, own) = (letter.articles, SHOP, own.as_str());
    let rows = if letter.form == Form::Almanac { almanac() } else { Vec::new() };
    let html = LetterPage { letter, articles, shop, first, own, months: &MONTHS, rows }.render()?;
    Ok((html, LetterText { letter, articles, shop, first, own }.render()?))
}

/// What is done with each vegetable in each month.
fn almanac() -> Vec<Row> {
    let row = |name: &'static str| {
        let mut dice = Dice::of(&["almanac", name]);
        let (sown, ripe) = (dice.between(1, 4), dice.between(6, 9));
        let month = |month: usize| match month {
            m if m == sown => ("sow indoors", "#e5efd9"),
            m if m == sown + 1 => ("plant out", "#d3e6c0"),
            m if (ripe..ripe + 2).contains(&m) => ("pick", "#f7e2b8"),
            m if m > sown && m < ripe => ("weed, water", "#f7faf3"),
            _ => ("rest", "#ffffff"),
        };
        Row { name, months: (0..MONTHS.len()).map(month).collect() }
    };
    VEGETABLES.into_iter().map(row).collect()
}

fn order(letter: &Letter, first: &str, number: usize) -> Result<(String, String), askama::Error> {
    const GOODS: [(&str, usize); 6] = [
        ("Runner bean, fifty seeds", 320),
        ("Tomato, early red", 290),
        ("Meadow mixture, one tray", 1_450),
        ("Leek, autumn", 240),
        ("Fleece, ten metres", 990),
        ("Radish, mixed", 195),
    ];
    let mut dice = Dice::of(&["order", &number.to_string()]);
    let price = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
    let mut sum = 0;
    let mut items = Vec::new();
    for _ in 0..dice.between(1, 4) {
        let (Some((name, cents)), count) = (dice.pick(&GOODS), dice.between(1, 3)) else { continue };
        sum += cents * count;
        items.push((name, count, price(cents * count)));
    }
    let (shop, number, total) = (SHOP, 70_000 + number, price(sum));
    let html = OrderPage { letter, shop, first, number, items: items.clone(), total: total.clone() }.render()?;
    Ok((html, OrderText { letter, shop, first, number, items, total }.render()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::letters::LETTERS;
    use crate::demo::people::person;

    #[test]
    fn each_mailing_is_a_whole_mail_with_its_links() {
        for letter in &LETTERS {
            let ann = person(7);
            let to = (letter.form != Form::Invitation).then_some(&ann);
            let bytes = mail(letter, to, Timestamp::from_millis(1_800_000_000_000)).unwrap();
            let mail = mail_parser::MessageParser::new().parse(&bytes).unwrap();
            let html = mail.body_html(0).unwrap();
            let links = html.matches("href=\"https://").count();
            let wanted = if letter.form == Form::Order { 2..=2 } else { 5..=12 };
            assert!(wanted.contains(&links), "{}: {links} links", letter.name);
            assert_eq!(mail.subject(), Some(letter.subject));
            assert!(mail.body_text(0).unwrap().contains(letter.headline), "{}", letter.name);
            let size = html.len();
            assert_eq!((94_500..99_000).contains(&size), letter.form == Form::Almanac, "{}: {size}", letter.name);
            assert!(html.matches("<img").count() == html.matches(" alt=\"").count(), "{}", letter.name);
        }
    }
}
