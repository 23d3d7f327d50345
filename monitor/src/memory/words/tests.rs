use super::*;

#[test]
fn lengths_of_time_are_those_people_would_say() {
    for (seconds, words) in [
        (1, "1 second"),
        (30, "30 seconds"),
        (60, "60 seconds"),
        (270, "4.5 minutes"),
        (300, "5 minutes"),
        (2_048, "34 minutes"),
        (5_400, "1.5 hours"),
        (14_400, "4 hours"),
        (15_900, "4.5 hours"),
        (86_400, "24 hours"),
        (259_200, "3 days"),
        (14 * DAY, "2 weeks"),
        (62 * DAY, "9 weeks"),
    ] {
        assert_eq!(span(seconds), words, "{seconds}");
    }
    for (seconds, words) in [
        (3_590, "hour"),
        (86_000, "day"),
        (7 * DAY + 100, "week"),
        (14_300, "4 hours"),
        (270, "4.5 minutes"),
        (60, "60 seconds"),
    ] {
        assert_eq!(every(seconds), words, "{seconds}");
    }
}

#[test]
fn volumes_have_few_digits() {
    for (bytes, words) in [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1 KB"),
        (1_500, "1.5 KB"),
        (38_400, "38 KB"),
        (16_000_000, "16 MB"),
        (u64::MAX, "18 EB"),
    ] {
        assert_eq!(volume(bytes), words);
    }
}

#[test]
fn who_was_there_is_said_when_it_is_known() {
    let words = |present, away| presence(&Evidence { present, away, ..Evidence::default() });
    assert_eq!(words(0, 0), "");
    assert_eq!(words(0, 3), ", mostly while nobody used the device");
    assert_eq!(words(9, 1), ", mostly while somebody used the device");
    assert_eq!(words(5, 5), ", whether or not somebody used the device");
}
