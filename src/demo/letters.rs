//! The mailings of a seed shop that does not exist, and what is in them.

use super::habits::Appeal;

/// What kind of mail it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A newsletter, one message a reader.
    News,
    /// The same with a table so long that mailbox providers cut it.
    Almanac,
    /// One message to many readers at once.
    Invitation,
    /// Mail that somebody waits for, through a credential of its own.
    Order,
}

/// A piece of a newsletter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Article {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    pub(super) button: &'static str,
    /// Behind the shop's address.
    pub(super) path: &'static str,
    pub(super) picture: &'static str,
}

/// One mailing.
#[derive(Debug)]
pub(super) struct Letter {
    /// The campaign's name, and the local part of its reverse path.
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) subject: &'static str,
    pub(super) preheader: &'static str,
    pub(super) headline: &'static str,
    pub(super) intro: &'static str,
    pub(super) articles: &'static [Article],
    /// How many get it, and from which number of the list on.
    pub(super) recipients: usize,
    pub(super) offset: usize,
    /// After the demo has begun.
    pub(super) begins_ms: u64,
    appeal: Appeal,
}

/// How a campaign is liked; `None` for what is none of the demo's.
pub(super) fn appeal(campaign: &str) -> Option<Appeal> {
    LETTERS.iter().find(|letter| letter.name == campaign).map(|letter| letter.appeal)
}

const TOMATOES: Article = Article {
    title: "Tomatoes that ripen outdoors",
    text: "Six early varieties for open ground and balconies, tried for three summers on our windy trial beds. Sow \
           indoors now, harden off in May.",
    button: "See the six",
    path: "shop/tomatoes",
    picture: "Red and yellow tomatoes in a wooden crate",
};
const BEANS: Article = Article {
    title: "Beans for a cold spring",
    text: "Runner and bush beans that germinate at eight degrees. Fifty seeds a packet, enough for four metres.",
    button: "Choose your beans",
    path: "shop/beans",
    picture: "Purple bean pods on a string",
};
const MEADOW: Article = Article {
    title: "A meadow in a tray",
    text: "Forty native flowers in one mixture. One tray covers ten square metres and asks for nothing but a rake.",
    button: "Sow a meadow",
    path: "shop/meadow",
    picture: "Poppies and cornflowers in long grass",
};
const SAVING: Article = Article {
    title: "Save your own seed",
    text: "Our guide shows which vegetables come true from seed, when pods are ripe, and how to keep them dry.",
    button: "Read the guide",
    path: "guides/saving-seed",
    picture: "Paper bags with handwritten names",
};
const POTATOES: Article = Article {
    title: "Seed potatoes are here",
    text: "First earlies leave our cold store this week. Order by Thursday and they are with you before the weekend.",
    button: "Order potatoes",
    path: "shop/potatoes",
    picture: "Seed potatoes with short green shoots",
};
const FLEECE: Article = Article {
    title: "Fleece, and how to lay it",
    text: "One layer keeps two degrees of frost off, two layers four. Weigh the edges down and take it off at noon.",
    button: "Fleece in stock",
    path: "shop/fleece",
    picture: "White fleece over a row of lettuces",
};
const WORKSHOP: Article = Article {
    title: "Grafting apples, hands on",
    text: "Bring a knife, go home with three young trees. Ten places a day, soup at noon, trains are met at the halt.",
    button: "Keep a place",
    path: "workshops/grafting",
    picture: "A grafting knife and two scions",
};
const SURVEY: Article = Article {
    title: "How did it grow?",
    text: "Five questions about what you sowed last year. Your answers decide what we trial next.",
    button: "Answer five questions",
    path: "survey/last-year",
    picture: "A notebook beside a row of leeks",
};

const fn liked(opens: usize, clicks: usize) -> Appeal {
    Appeal { opens, clicks }
}

/// All of them.
pub(super) const LETTERS: [Letter; 8] = [
    Letter {
        name: "order-confirmations",
        form: Form::Order,
        subject: "Your order at Millbrook Seeds",
        preheader: "Thank you, we are packing it.",
        headline: "Thank you for your order",
        intro: "Your seeds leave our barn within two working days.",
        articles: &[],
        recipients: 260,
        offset: 2_100,
        begins_ms: 0,
        appeal: liked(0, 0),
    },
    Letter {
        name: "spring-catalogue",
        form: Form::News,
        subject: "The spring catalogue is out",
        preheader: "412 varieties, 38 of them new, all tried on our own beds.",
        headline: "Spring, packet by packet",
        intro: "The new catalogue holds 412 varieties. These are the ones we would sow first.",
        articles: &[TOMATOES, BEANS, MEADOW, POTATOES, SAVING],
        recipients: 1_480,
        offset: 0,
        begins_ms: 200,
        appeal: liked(460, 190),
    },
    Letter {
        name: "frost-warning",
        form: Form::News,
        subject: "Frost tonight: what to cover",
        preheader: "Two degrees below zero are forecast in your valley.",
        headline: "Frost tonight",
        intro: "The forecast for your valley says minus two by five in the morning. Cover what you planted out.",
        articles: &[FLEECE],
        recipients: 180,
        offset: 700,
        begins_ms: 1_500,
        appeal: liked(720, 120),
    },
    Letter {
        name: "tomato-week",
        form: Form::News,
        subject: "Tomato week: a fifth off until Sunday",
        preheader: "Every tomato in the shop, and the canes to hold them.",
        headline: "Tomato week",
        intro: "Until Sunday every tomato costs a fifth less. The discount is taken off at the till by itself.",
        articles: &[TOMATOES, FLEECE, SAVING],
        recipients: 900,
        offset: 1_100,
        begins_ms: 3_000,
        appeal: liked(370, 230),
    },
    Letter {
        name: "garden-almanac",
        form: Form::Almanac,
        subject: "Your sowing almanac for the year",
        preheader: "Every vegetable, every month, on one long page.",
        headline: "The sowing almanac",
        intro: "When to sow, plant and pick, for every vegetable in our catalogue. Print it, pin it up in the shed.",
        articles: &[SAVING, MEADOW],
        recipients: 400,
        offset: 500,
        begins_ms: 4_500,
        appeal: liked(420, 90),
    },
    Letter {
        name: "seed-club",
        form: Form::News,
        subject: "Seed club: your choice for May",
        preheader: "Members choose three packets. Here are the nine on offer.",
        headline: "Choose your three",
        intro: "As a member you choose three packets this month. Tell us by the tenth, else we choose for you.",
        articles: &[BEANS, TOMATOES, MEADOW, SAVING],
        recipients: 620,
        offset: 1_700,
        begins_ms: 6_000,
        appeal: liked(580, 310),
    },
    Letter {
        name: "workshop-invitation",
        form: Form::Invitation,
        subject: "Graft an apple with us in March",
        preheader: "Three Saturdays, ten places each.",
        headline: "Come and graft an apple",
        intro: "In March the orchard barn is warm again and the knives are sharp. Three Saturdays, ten places each.",
        articles: &[WORKSHOP],
        recipients: 120,
        offset: 300,
        begins_ms: 7_000,
        appeal: liked(510, 260),
    },
    Letter {
        name: "last-years-harvest",
        form: Form::News,
        subject: "Five questions about last year",
        preheader: "It takes two minutes, and a packet of seeds is yours.",
        headline: "How did it grow?",
        intro: "We would like to know what came up, and what did not. A packet of your choice is the thank-you.",
        articles: &[SURVEY],
        recipients: 40,
        offset: 1_350,
        begins_ms: 7_500,
        appeal: liked(650, 480),
    },
];

/// What the almanac lists.
pub(super) const VEGETABLES: [&str; 37] = [
    "Asparagus pea",
    "Aubergine",
    "Beetroot",
    "Broccoli",
    "Brussels sprout",
    "Bush bean",
    "Carrot",
    "Cauliflower",
    "Celeriac",
    "Celery",
    "Chicory",
    "Courgette",
    "Cucumber",
    "Endive",
    "Garlic",
    "Kale",
    "Kohlrabi",
    "Lamb's lettuce",
    "Lettuce",
    "Maize",
    "Melon",
    "Onion",
    "Parsnip",
    "Pea",
    "Pepper",
    "Potato",
    "Purslane",
    "Radish",
    "Rocket",
    "Runner bean",
    "Salsify",
    "Shallot",
    "Sorrel",
    "Spinach",
    "Squash",
    "Swede",
    "Tomato",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_differ_and_there_are_some_four_thousand_recipients() {
        let names: BTreeSet<_> = LETTERS.iter().map(|letter| letter.name).collect();
        assert_eq!(names.len(), LETTERS.len());
        assert_eq!(LETTERS.iter().map(|letter| letter.recipients).sum::<usize>(), 4_000);
    }
}
