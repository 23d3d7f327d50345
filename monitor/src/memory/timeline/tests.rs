#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;

const BOOT: [u8; 16] = [1; 16];
/// 1 March 2027, 00:00 UTC.
const MARCH: u32 = 1_803_859_200;

fn moment(boot: u8, boot_s: u32, unix_s: Option<i64>) -> Moment {
    Moment {
        boot_ns: u64::from(boot_s) * 1_000_000_000,
        boot_id: [boot; 16],
        unix_ms: unix_s.map(|unix| u64::try_from(unix * 1_000).expect("after 1970")),
        ..Moment::default()
    }
}

fn right(boot: u8, boot_s: u32, begun: u32) -> Moment {
    moment(boot, boot_s, Some(i64::from(begun) + i64::from(boot_s)))
}

#[test]
fn a_right_clock_is_the_line() {
    let mut line = Timeline::default();
    let step = line.advance(&right(1, 100, MARCH));
    assert_eq!((step.t, step.is_dated, step.is_newly_dated), (MARCH + 100, true, true));
    assert_eq!(line.advance(&right(1, 200, MARCH)).t, MARCH + 200);
    assert_eq!(line.boot_id, BOOT);
}

#[test]
fn a_step_of_the_wall_clock_changes_no_interval() {
    let mut line = Timeline::default();
    line.advance(&right(1, 100, MARCH));
    for years in [-5_i64, 5] {
        let wall = i64::from(MARCH) + years * 31_557_600;
        let step = line.advance(&moment(1, 160, Some(wall)));
        assert_eq!((step.t, step.shift), (MARCH + 160, None));
    }
    // And it is soon right again.
    assert_eq!(line.advance(&right(1, 220, MARCH)).t, MARCH + 220);
}

#[test]
fn a_clock_that_stays_is_believed_after_a_day() {
    let mut line = Timeline::default();
    line.advance(&right(1, 100, MARCH));
    let ahead = MARCH + 3 * 31_557_600;
    assert_eq!(line.advance(&right(1, 200, ahead)).shift, None);
    assert_eq!(line.advance(&right(1, 80_000, ahead)).shift, None);
    let step = line.advance(&right(1, 90_000, ahead));
    assert_eq!(step.t, ahead + 90_000);
    let shift = step.shift.expect("what was recorded in this boot is moved");
    assert_eq!(i64::from(ahead) - i64::from(MARCH), shift.by);
    assert!(shift.from <= MARCH + 100);
}

#[test]
fn events_before_the_clock_was_set_are_moved_when_it_is() {
    let mut line = Timeline::default();
    line.advance(&right(1, 1_000, MARCH));
    // A day off, then a boot in 1970.
    let begun = MARCH + 90_000;
    let early = line.advance(&moment(2, 50, None));
    assert!(!early.is_dated && early.t > MARCH + 1_000);
    assert!(!line.advance(&moment(2, 60, Some(70))).is_dated, "1970 is no date");
    let step = line.advance(&right(2, 300, begun));
    assert_eq!((step.t, step.is_newly_dated), (begun + 300, true));
    let shift = step.shift.expect("the early event is moved");
    let mut moved = [MARCH + 1_000, early.t];
    for t in &mut moved {
        shift.apply(t);
    }
    assert_eq!(moved, [MARCH + 1_000, begun + 50], "only what is of this boot");
}

#[test]
fn a_clock_that_was_ahead_pulls_everything_back() {
    let mut line = Timeline::default();
    let ahead = MARCH + 30 * DAY;
    let before = line.advance(&right(1, 1_000, ahead)).t;
    let step = line.advance(&right(2, 100, MARCH + 2_000));
    assert_eq!(step.t, MARCH + 2_100);
    let mut moved = before;
    step.shift.expect("the past was in the future").apply(&mut moved);
    assert!((MARCH..=MARCH + 2_000).contains(&moved), "{moved}");
}

#[test]
fn years_in_a_drawer_are_believed_after_a_day() {
    let mut line = Timeline::default();
    line.advance(&right(1, 1_000, MARCH));
    let later = MARCH + 3 * 31_557_600;
    let step = line.advance(&right(2, 100, later));
    assert!(!step.is_dated && step.t < MARCH + 2_000, "it may be the clock");
    let step = line.advance(&right(2, 100 + DAY, later));
    assert_eq!((step.t, step.is_dated), (later + 100 + DAY, true));
}

#[test]
fn suspend_counts_and_uptime_adds_up() {
    let mut line = Timeline::default();
    line.advance(&right(1, 10, MARCH));
    line.advance(&right(1, 30_000, MARCH));
    line.advance(&right(1, 29_000, MARCH));
    line.advance(&right(2, 500, MARCH + 40_000));
    assert_eq!(line.uptime, 30_500);
    assert_eq!((line.boots, line.reached), (2, [2, 1]));
}

#[test]
fn the_line_never_leaves_its_range() {
    let mut line = Timeline::default();
    let extremes = [0, 1, u64::from(u32::MAX), u64::MAX];
    for boot_ns in extremes {
        for unix_ms in extremes {
            let moment = Moment { boot_ns, unix_ms: Some(unix_ms), ..Moment::default() };
            line.advance(&moment);
        }
    }
}
