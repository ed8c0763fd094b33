use super::*;

const START: Start = Start { connections: 16, messages_per_connection: 100, messages_per_second: None };

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + ms)
}

fn pace() -> Pace {
    Pace::new(START, at(0))
}

fn taken(pace: &mut Pace, times: u32, now: Timestamp) {
    (0..times).for_each(|_| pace.hear(Word::Answered, now, now));
}

#[test]
fn too_fast_halves_all_and_cools_down() {
    let mut pace = pace();
    for n in 0..50 {
        assert_eq!(pace.permit(0, at(n * 100)), Permit::Now);
        pace.begin(at(n * 100));
    }
    pace.hear(Word::TooFast, at(4_900), at(5_000));
    assert_eq!((pace.connections(), pace.messages_per_connection()), (8, 50));
    // Ten in a second were too fast.
    let rate = pace.messages_per_second().unwrap();
    assert!((4.9..5.3).contains(&rate), "{rate}");
    assert_eq!(pace.permit(0, at(5_000)), Permit::At(at(10_000)));
    assert_eq!(pace.permit(0, at(9_999)), Permit::At(at(10_000)));
    assert_eq!(pace.permit(0, at(10_000)), Permit::Now);
    assert_eq!(pace.permit(8, at(10_000)), Permit::Full);
}

#[test]
fn many_that_were_under_way_at_a_cut_are_one_word() {
    let mut pace = pace();
    for n in 0..16 {
        pace.hear(Word::TooFast, at(0), at(100 + n));
    }
    assert_eq!(pace.connections(), 8);
    // One that began after it is another, and cools for longer.
    pace.hear(Word::TooFast, at(6_000), at(6_100));
    assert_eq!(pace.connections(), 4);
    assert_eq!(pace.cooling(at(6_100)), Some(at(16_100)));
    for n in 1..100 {
        pace.hear(Word::TooFast, at(n * 1_000_000), at(n * 1_000_000));
    }
    let rate = pace.messages_per_second().unwrap();
    assert_eq!((pace.connections(), pace.messages_per_connection()), (1, 1));
    assert!((rate - RATE_MIN).abs() < 1e-9, "{rate}");
    assert_eq!(pace.cooling(at(99_000_000)), Some(at(99_000_000) + COOL_MAX));
}

#[test]
fn what_is_taken_raises_it_slowly_to_the_start_and_no_further() {
    let mut pace = pace();
    pace.begin(at(0));
    pace.hear(Word::TooFast, at(0), at(1));
    taken(&mut pace, RAISE_AFTER - 1, at(6_000));
    assert_eq!(pace.connections(), 8);
    taken(&mut pace, 1, at(6_000));
    assert_eq!(pace.connections(), 9);
    taken(&mut pace, RAISE_AFTER * 6, at(6_000));
    assert_eq!(pace.connections(), 15);
    assert!(!pace.is_usual());
    taken(&mut pace, RAISE_AFTER * 20, at(6_000));
    assert_eq!((pace.connections(), pace.messages_per_second()), (16, None));
    assert!(pace.is_usual());
}

#[test]
fn a_rate_is_kept_to() {
    let start = Start { messages_per_second: Some(4.0), ..START };
    let (mut pace, mut now, mut begun) = (Pace::new(start, at(0)), at(0), 0);
    while now < at(10_000) {
        match pace.permit(0, now) {
            Permit::Now => {
                pace.begin(now);
                begun += 1;
            }
            Permit::At(next) => {
                assert!(next > now);
                now = next;
            }
            Permit::Full => panic!(),
        }
    }
    assert!((39..=44).contains(&begun), "{begun}");
    // What was not used is not saved up beyond a second.
    let mut at_once = 0;
    while pace.permit(0, at(100_000)) == Permit::Now {
        pace.begin(at(100_000));
        at_once += 1;
    }
    assert_eq!(at_once, 4);
}

#[test]
fn who_does_not_answer_is_tried_by_one_at_a_time() {
    let mut pace = pace();
    (0..3).for_each(|n| pace.hear(Word::Silent, at(n), at(n)));
    assert_eq!(pace.connections(), 1);
    assert_eq!(pace.permit(1, at(10)), Permit::Full);
    pace.hear(Word::Other, at(10), at(10));
    assert_eq!(pace.connections(), 16);
}

#[test]
fn a_clock_that_is_put_back_and_an_hour_of_silence_make_nobody_wait() {
    let mut pace = pace();
    pace.hear(Word::TooFast, at(10_000_000), at(10_000_000));
    assert_eq!(pace.permit(0, at(0)), Permit::At(at(0) + COOL_MIN));
    assert_eq!(pace.permit(0, at(5_001)), Permit::Now);
    pace.hear(Word::TooFast, at(20_000_000), at(20_000_000));
    let later = at(20_000_000) + MEMORY;
    assert!(!pace.is_usual());
    // While something is under way, nothing is forgotten.
    pace.permit(1, later);
    assert!(!pace.is_usual());
    assert_eq!(pace.permit(0, later), Permit::Now);
    assert!(pace.is_usual());
}
