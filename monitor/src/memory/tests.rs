#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

/// 1 March 2027, 00:00 UTC.
const MARCH: u32 = 1_803_859_200;

fn limits() -> Limits {
    Limits { keys_max: 64, tail_max: 32, apps_max: 4, findings_max: 16 }
}

pub(super) fn small() -> Memory {
    Memory::new(limits(), Retention::default(), [3; 16], Origin::FirstBoot)
}

fn large() -> Memory {
    Memory::new(Limits::default(), Retention::default(), [3; 16], Origin::FirstBoot)
}

/// Seconds after the beginning of March, in a boot that began then.
fn at(seconds: u32) -> Moment {
    Moment {
        boot_ns: u64::from(seconds) * 1_000_000_000,
        boot_id: [1; 16],
        unix_ms: Some(u64::from(MARCH + seconds) * 1_000),
        ..Moment::default()
    }
}

fn sums(bytes: u32) -> Sums {
    Sums { contacts: 1, tx_bytes: bytes.into(), rx_bytes: 1 }
}

fn contact<'a>(app: &'a AppKey, destination: &'a str) -> Contact<'a> {
    Contact {
        app,
        destination,
        behaviour: None,
        company: None,
        is_benign: false,
        is_detail: false,
        sums: sums(100),
        resolution_s: 0,
    }
}

/// A contact of a made-up history.
#[derive(Clone, Debug)]
pub(super) struct Made {
    app: u8,
    destination: u16,
    behaviour: bool,
    later_s: u32,
    boots: bool,
    is_dated: bool,
    wall_off_s: i64,
    /// By how much it is told too late, after others.
    late_s: u32,
    bytes: u32,
}

pub(super) fn made() -> impl Strategy<Value = Vec<Made>> {
    let wall = prop_oneof![8 => Just(0_i64), 1 => -200_000_000..200_000_000_i64];
    let later = prop_oneof![0_u32..100, 0_u32..10_000, Just(14_400), 0_u32..3_000_000];
    let late = prop_oneof![6 => Just(0_u32), 1 => 0_u32..100, 1 => 0_u32..100_000];
    let who = (0_u8..7, 0_u16..300, any::<bool>());
    let when = (later, 0_u8..10, any::<bool>(), wall, late);
    let one = (who, when, any::<u32>()).prop_map(|(who, when, bytes)| {
        let (app, destination, behaviour) = who;
        let (later_s, boots, is_dated, wall_off_s, told_late_s) = when;
        Made {
            app,
            destination: destination * u16::from(destination % 3 == 0),
            behaviour,
            later_s,
            boots: boots == 0,
            is_dated,
            wall_off_s,
            late_s: told_late_s,
            bytes,
        }
    });
    prop::collection::vec(one, 0..400)
}

/// Plays a history; gives the last moment.
pub(super) fn play(memory: &mut Memory, history: &[Made]) -> Moment {
    Player::default().play(memory, history)
}

/// The clocks of a made-up history.
#[derive(Debug, Default)]
pub(super) struct Player {
    boot: u8,
    boot_s: u32,
    passed_s: i64,
}

impl Player {
    pub(super) fn play(&mut self, memory: &mut Memory, history: &[Made]) -> Moment {
        let mut moment = at(0);
        for made in history {
            self.passed_s += i64::from(made.later_s);
            self.boot_s += made.later_s;
            if made.boots {
                self.boot = self.boot.wrapping_add(1);
                self.boot_s = 5;
            }
            moment = self.moment(made);
            let app = AppKey::new("service", &format!("app-{}", made.app));
            let destination = format!("host-{}.example", made.destination);
            let contact = Contact {
                behaviour: made.behaviour.then_some("known"),
                company: Some("Example"),
                sums: sums(made.bytes),
                ..contact(&app, &destination)
            };
            memory.contact(&contact, &moment);
        }
        moment
    }

    fn moment(&self, made: &Made) -> Moment {
        let late_s = made.late_s.min(self.boot_s);
        let wall = i64::from(MARCH) + self.passed_s + made.wall_off_s - i64::from(late_s);
        let presences = [Presence::Unknown, Presence::Away, Presence::Present];
        Moment {
            boot_ns: u64::from(self.boot_s - late_s) * 1_000_000_000,
            boot_id: [self.boot; 16],
            unix_ms: made.is_dated.then(|| u64::try_from(wall).unwrap_or(0) * 1_000),
            utc_offset_minutes: 60,
            presence: presences[usize::from(made.app % 3)],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is folded or forgotten: an app's sums are those of its keys and its `(other)`, all
    /// apps together have what was put in, periods have what their span saw, and no bound breaks.
    #[test]
    fn sums_are_conserved(history in made()) {
        let mut memory = small();
        let moment = play(&mut memory, &history);
        let mut expected = Sums::default();
        for made in &history {
            expected.add(sums(made.bytes));
        }
        let mut all = Sums::default();
        for (slot, app) in memory.apps.iter() {
            all.add(app.sums);
            let mut parts = app.other;
            room::keys_of(slot, &memory).for_each(|(_, key)| parts.add(key.sums));
            prop_assert_eq!(parts, app.sums, "{}", &app.key.id);
        }
        prop_assert_eq!(all, expected);
        prop_assert!(memory.keys.len() <= 64);
        prop_assert!(memory.tail.rests.len() <= 32);
        prop_assert!(memory.apps.index.len() <= 5);
        prop_assert!(memory.findings(&moment).len() <= 16);
        for key in memory.keys.values() {
            prop_assert!(key.ring.times().is_sorted());
            prop_assert!(key.first <= key.last);
        }
        for (_, app) in memory.apps.iter() {
            prop_assert!(app.periods.hours().len() <= HOURS_MAX);
            prop_assert!(app.periods.days().len() <= DAYS_MAX);
            prop_assert!(app.periods.months().len() <= MONTHS_MAX);
        }
    }

    /// What every sentence may say.
    #[test]
    fn no_sentence_accuses(history in made()) {
        let mut memory = large();
        let moment = play(&mut memory, &history);
        for finding in memory.findings(&moment) {
            let sentence = finding.sentence();
            for word in ["spy", "spies", "malware", "leak", "steal", "suspicious", "tracker"] {
                prop_assert!(!sentence.contains(word), "{}", sentence);
            }
        }
    }
}

#[test]
fn a_flood_of_destinations_costs_its_own_app() {
    let mut memory = small();
    let quiet = AppKey::new("service", "quiet");
    for month in 0..3 {
        memory.contact(&contact(&quiet, "monthly.example"), &at(month * 30 * DAY));
    }
    let flood = AppKey::new("executable", "flood");
    for number in 0..10_000 {
        let name = format!("{number}.example");
        memory.contact(&contact(&flood, &name), &at(60 * DAY + 10 + number));
    }
    assert!(memory.keys().any(|key| key.destination == "monthly.example" && key.events == 3));
    let flood = memory.app(&flood).expect("it is known");
    assert_eq!(flood.sums.contacts, 10_000);
    assert!(flood.other.contacts >= 10_000 - 64);
    let health = memory.health();
    assert!(health.keys <= 64 && health.tail <= 32, "{health:?}");
    assert!(health.keys_folded + health.keys as u64 == 10_001, "{health:?}");
}

#[test]
fn the_documented_order_of_eviction_holds() {
    let mut memory = Memory::new(
        Limits { keys_max: 6, ..limits() },
        Retention::default(),
        [3; 16],
        Origin::Installed,
    );
    let app = AppKey::new("service", "app");
    let documented = Contact { behaviour: Some("known"), ..contact(&app, "documented") };
    memory.contact(&documented, &at(0));
    memory.contact(&contact(&app, "few"), &at(1));
    for hour in 1..4_u32 {
        memory.contact(&contact(&app, "some"), &at(hour * hour * 5_000));
    }
    for minute in 0..6_u32 {
        memory.contact(&contact(&app, "boring"), &at(50_000 + minute * 60));
    }
    let mut t = 60_000;
    for step in 0..60_u32 {
        // Intervals that double and shrink: no pattern.
        t += 700 << (step * 7 % 5);
        memory.contact(&contact(&app, "many"), &at(t));
    }
    let benign = Contact { is_benign: true, ..contact(&app, "benign") };
    memory.contact(&benign, &at(t));
    let mut gone = Vec::new();
    for number in 0..6 {
        let before: Vec<String> = memory.keys().map(|key| key.destination.to_owned()).collect();
        memory.make_room(MARCH + t);
        let after: Vec<String> = memory.keys().map(|key| key.destination.to_owned()).collect();
        gone.extend(before.into_iter().filter(|name| !after.contains(name)));
        assert_eq!(gone.len(), number + 1);
    }
    assert_eq!(gone, ["benign", "boring", "many", "few", "some", "documented"]);
}

#[test]
fn what_was_forgotten_for_want_of_room_is_not_new() {
    let mut memory = small();
    let app = AppKey::new("service", "app");
    memory.contact(&contact(&app, "old.example"), &at(0));
    let key = *memory.keys.keys().next().expect("there is one");
    memory.fold(key, true);
    memory.contact(&contact(&app, "old.example"), &at(30 * DAY));
    assert!(memory.findings(&at(30 * DAY)).is_empty());
    memory.contact(&contact(&app, "new.example"), &at(30 * DAY + 60));
    let findings = memory.findings(&at(30 * DAY + 60));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind, Kind::FirstContact);
    assert_eq!(
        findings[0].sentence(),
        "first contact with this destination, by an app known for 4.5 weeks"
    );
}

#[test]
fn a_fresh_install_is_quiet_and_a_browser_stays_so() {
    let mut memory = large();
    let browser = AppKey::new("flatpak", "browser");
    for number in 0..60 * 20_u32 {
        let name = format!("site-{number}.example");
        memory.contact(&contact(&browser, &name), &at(number * 4_320));
    }
    assert!(memory.findings(&at(60 * DAY)).is_empty());
    let late = AppKey::new("flatpak", "late");
    memory.contact(&contact(&late, "a.example"), &at(61 * DAY));
    let sentences: Vec<_> =
        memory.findings(&at(61 * DAY)).iter().map(|it| (it.kind, it.sentence())).collect();
    assert_eq!(sentences, [(Kind::NewApp, "not seen before, in 8.5 weeks".to_owned())]);
}

#[test]
fn a_new_company_is_told_once() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    for day in 0..20_u32 {
        let one = Contact { company: Some("One"), ..contact(&app, "a.example") };
        memory.contact(&one, &at(day * DAY));
    }
    let two = Contact { company: Some("Two"), ..contact(&app, "b.example") };
    memory.contact(&two, &at(20 * DAY));
    memory.contact(&two, &at(20 * DAY + 9));
    let kinds: Vec<_> = std::iter::from_fn(|| memory.next_news()).map(|news| news.kind).collect();
    assert!(kinds.ends_with(&[Kind::NewCompany]), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::NewCompany).count(), 1);
}

#[test]
fn a_rare_destination_is_one_that_nobody_else_uses() {
    let mut memory = large();
    let (system, other) = (AppKey::new("service", "a"), AppKey::new("flatpak", "b"));
    memory.contact(&contact(&system, "rare.example"), &at(0));
    memory.contact(&contact(&system, "shared.example"), &at(0));
    memory.contact(&contact(&other, "shared.example"), &at(0));
    for destination in ["rare.example", "shared.example"] {
        memory.contact(&contact(&system, destination), &at(20 * DAY));
    }
    let findings = memory.findings(&at(20 * DAY));
    let rare: Vec<_> = findings.iter().filter(|it| it.kind == Kind::Rare).collect();
    assert_eq!(rare.len(), 1);
    assert_eq!(&*rare[0].destination, "rare.example");
    assert_eq!(
        rare[0].sentence(),
        "seen 2 times in 3 weeks, and no other app uses this destination, 202 bytes in all"
    );
}

#[test]
fn what_stops_fades_and_what_comes_back_is_told_anew() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    for hour in 0..10_u32 {
        memory.contact(&contact(&app, "x.example"), &at(hour * 4 * HOUR));
    }
    let news: Vec<_> = std::iter::from_fn(|| memory.next_news()).collect();
    assert_eq!(news.iter().map(|it| it.kind).collect::<Vec<_>>(), [Kind::Regular]);
    let state = |memory: &Memory, now: &Moment| memory.findings(now)[0].state;
    assert_eq!(state(&memory, &at(50 * HOUR)), State::Active);
    // Others go on: the device was up and the behaviour stopped.
    let other = AppKey::new("service", "other");
    memory.contact(&contact(&other, "y.example"), &at(100 * HOUR));
    assert_eq!(state(&memory, &at(100 * HOUR)), State::Faded);
    let faded = memory.findings(&at(100 * HOUR))[0].sentence();
    assert_eq!(
        faded,
        "sends about every 4 hours, seen 9 of 9 windows, 1 KB in all; not seen lately"
    );
    for hour in 0..10_u32 {
        memory.contact(&contact(&app, "x.example"), &at(10 * DAY + hour * 4 * HOUR));
    }
    assert_eq!(state(&memory, &at(10 * DAY + 36 * HOUR)), State::Active);
    let news: Vec<_> = std::iter::from_fn(|| memory.next_news()).map(|it| it.kind).collect();
    assert!(news.contains(&Kind::Regular), "{news:?}");
}

#[test]
fn what_was_off_has_not_stopped() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    for hour in 0..10_u32 {
        memory.contact(&contact(&app, "x.example"), &at(hour * 4 * HOUR));
    }
    // Off for a week, then another boot.
    let week = MARCH + 9 * DAY;
    let later = Moment {
        boot_ns: 60_000_000_000,
        boot_id: [2; 16],
        unix_ms: Some(u64::from(week) * 1_000),
        ..Moment::default()
    };
    let other = AppKey::new("service", "other");
    memory.contact(&contact(&other, "y.example"), &later);
    assert_eq!(memory.findings(&later)[0].state, State::Active);
}

#[test]
fn after_boot_needs_most_boots_and_little_else() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    let mut told = None;
    for boot in 0..8_u8 {
        let begun = MARCH + u32::from(boot) * (3 * DAY + 7 * HOUR * u32::from(boot));
        let moment = |boot_s: u32| Moment {
            boot_ns: u64::from(boot_s) * 1_000_000_000,
            boot_id: [boot; 16],
            unix_ms: Some(u64::from(begun + boot_s) * 1_000),
            ..Moment::default()
        };
        memory.contact(&contact(&app, "boot.example"), &moment(20 + u32::from(boot)));
        let busy = AppKey::new("service", "busy");
        for minute in 0..24 * 60_u32 {
            // Often: it is there after each boot, and always.
            let t = 30 + minute * 60 + minute * minute % 47;
            memory.contact(&contact(&busy, "often.example"), &moment(t));
        }
        let all = memory.findings(&moment(DAY));
        let found = all.iter().find(|finding| finding.kind == Kind::AfterBoot);
        if told.is_none() {
            told = found.map(|it| (boot, it.destination.clone(), it.sentence()));
        }
    }
    let (boot, destination, sentence) = told.expect("it was found");
    assert_eq!((boot, &*destination), (4, "boot.example"), "at the fifth boot");
    assert_eq!(
        sentence,
        "sends within 5 minutes after the device starts, seen 5 of 5 starts, 505 bytes in all"
    );
}

#[test]
fn the_first_day_is_sealed() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    memory.contact(&contact(&app, "first.example"), &at(40));
    memory.contact(&contact(&app, "first.example"), &at(5 * HOUR));
    assert!(!memory.report().is_sealed());
    memory.contact(&contact(&app, "late.example"), &at(25 * HOUR));
    let report = memory.report().clone();
    assert!(report.is_sealed());
    let [line] = report.lines() else { unreachable!("one pair was seen: {report:?}") };
    assert_eq!(
        (&*line.destination, line.sums.contacts, line.first_s, line.last_s),
        ("first.example", 2, 40, 5 * HOUR)
    );
    for day in 2..300_u32 {
        memory.contact(&contact(&app, "first.example"), &at(day * DAY));
    }
    assert_eq!(*memory.report(), report);
    // A device behind a router has a first day of its own.
    let device = AppKey::new("device", "tablet");
    memory.contact(&contact(&device, "new.example"), &at(300 * DAY));
    memory.contact(&contact(&device, "later.example"), &at(302 * DAY));
    assert_eq!(memory.report().lines().len(), 2);
}

#[test]
fn october_can_be_asked_about_without_a_server() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    // 300 days, once an hour.
    for hour in 0..300 * 24_u32 {
        let mut contact = contact(&app, "x.example");
        contact.sums = Sums { contacts: 1, tx_bytes: 10, rx_bytes: 3 };
        memory.contact(&contact, &at(hour * HOUR));
    }
    let view = memory.app(&app).expect("it is known");
    let october = 2027 * 12 + 9;
    let month = view.periods.months().iter().find(|month| month.number == october);
    assert_eq!(month.map(|month| (month.tx_bytes, month.rx_bytes)), Some((7_440, 2_232)));
    let lengths =
        [view.periods.hours().len(), view.periods.days().len(), view.periods.months().len()];
    assert_eq!(lengths, [48, 100, 10]);
    let all: u64 = view.periods.months().iter().map(|month| month.tx_bytes).sum();
    assert_eq!(all, view.sums.tx_bytes);
}

#[test]
fn bytes_without_a_date_wait_for_one() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    let undated = Moment { unix_ms: None, ..at(30) };
    memory.contact(&contact(&app, "x.example"), &undated);
    let view = memory.app(&app).expect("it is known");
    assert_eq!(view.first_ms, None, "no clock told");
    assert_eq!(view.periods.undated(), (100, 1));
    memory.contact(&contact(&app, "x.example"), &at(7_200));
    let view = memory.app(&app).expect("it is known");
    assert_eq!(view.first_ms, Some(u64::from(MARCH + 30) * 1_000));
    assert_eq!(view.periods.days()[0].tx_bytes, 200);
    let key = memory.keys().next().expect("there is one");
    assert_eq!(key.masks.hours, 0b101, "the hours of both are known now");
}

#[test]
fn keys_are_kept_for_100_days_and_full_hosts_for_one() {
    let mut memory = large();
    let app = AppKey::new("service", "app");
    memory.contact(&contact(&app, "domain.example"), &at(0));
    let host = Contact {
        is_detail: true,
        behaviour: Some("known"),
        ..contact(&app, "host.domain.example")
    };
    memory.contact(&host, &at(0));
    assert!(!memory.findings(&at(0)).is_empty());
    let written = String::from_utf8_lossy(&store::encode(&memory)).into_owned();
    assert!(written.contains("domain.example") && !written.contains("host."), "never on disk");
    let names = |memory: &Memory| {
        memory.keys().map(|key| key.destination.to_owned()).collect::<Vec<_>>().join(" ")
    };
    memory.contact(&contact(&app, "tick.example"), &at(2 * DAY));
    assert!(!names(&memory).contains("host.domain"));
    assert!(memory.findings(&at(2 * DAY)).is_empty(), "what was found goes with it");
    memory.contact(&contact(&app, "tick.example"), &at(99 * DAY));
    assert!(names(&memory).contains("domain.example"));
    memory.contact(&contact(&app, "tick.example"), &at(101 * DAY));
    assert_eq!(names(&memory), "tick.example");
    assert_eq!(memory.app(&app).expect("it is known").sums.contacts, 5, "the sums stay");
}

#[test]
fn what_is_to_be_forgotten_is_in_no_byte() {
    let fill = || {
        let mut memory = Memory::new(
            Limits { keys_max: 12, ..Limits::default() },
            Retention::default(),
            [3; 16],
            Origin::FirstBoot,
        );
        for number in 0..40_u32 {
            for (kind, id) in [("service", "app-secret"), ("device", "phone-secret"), ("x", "kept")]
            {
                let app = AppKey::new(kind, id);
                let own = format!("{id}-{number}.example");
                let destination = if number % 2 == 0 { "dest-secret.example" } else { &*own };
                let contact = Contact {
                    behaviour: (number % 5 == 0).then_some("behaviour"),
                    ..contact(&app, destination)
                };
                memory.contact(&contact, &at(number * HOUR));
            }
        }
        memory
    };
    let holds = |memory: &Memory, text: &str| {
        let bytes = store::encode(memory);
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for (what, text) in [
        (Forget::App("app-secret"), "app-secret"),
        (Forget::Device("phone-secret"), "phone-secret"),
        (Forget::Destination("dest-secret.example"), "dest-secret"),
        (Forget::All, "secret"),
    ] {
        let mut memory = fill();
        assert!(holds(&memory, text));
        assert!(memory.forget(what) > 0);
        assert!(!holds(&memory, text), "{what:?}");
        assert!(memory.has_changed());
        assert_eq!(memory.forget(what), 0, "nothing is left of {what:?}");
        assert_eq!(holds(&memory, "kept"), what != Forget::All);
    }
    let mut memory = fill();
    let tail = memory.tail.rests.len();
    memory.forget(Forget::App("app-secret"));
    assert!(memory.tail.rests.len() < tail, "hashes go as well");
    assert_eq!(memory.forget(Forget::Device("app-secret")), 0, "an app is no device");
}

/// What the documentation promises, on 64-bit machines; less on others.
#[test]
#[cfg(target_pointer_width = "64")]
fn keys_have_the_stated_size() {
    assert_eq!((size_of::<Id>(), size_of::<Key>()), (16, 248));
    assert_eq!(size_of::<TailId>() + size_of::<tail::Rest>(), 24);
    assert_eq!(size_of::<Period>(), 24);
}

/// A memory in which everything is full.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_full_memory_has_the_stated_size() {
    let mut memory = large();
    let apps: Vec<AppKey> =
        (0..128).map(|app| AppKey::new("android", &format!("com.example.some.app{app}"))).collect();
    let days = (0..700_u32).step_by(30).chain(700..800).map(|day| day * DAY);
    let hours = (1..48_u32).map(|hour| 799 * DAY + hour * HOUR);
    for t in days.chain(hours) {
        for (number, app) in (0_u32..).zip(&apps) {
            let destination = format!("destination-{}.example", (t / HOUR + number) % 6_100);
            let contact = Contact {
                behaviour: (t % (7 * HOUR) == 0).then_some("some-behaviour"),
                company: Some("Some Company"),
                sums: Sums { contacts: 1, tx_bytes: 3_000_000, rx_bytes: 70_000_000 },
                ..contact(app, &destination)
            };
            memory.contact(&contact, &at(t));
            if number % 4 == 0 {
                let other = format!("destination-{}.example", t % 611 + number * 7);
                memory.contact(&Contact { destination: &other, ..contact }, &at(t + 60));
            }
        }
    }
    let health = memory.health();
    assert!(health.keys > 1_870 && health.tail > 3_500 && health.apps == 128, "{health:?}");
    assert!(health.bytes < 1_600_000, "{health:?}");
    let file = store::encode(&memory).len();
    assert!(file < 800_000, "{file} bytes");
    println!("{} bytes in memory, {file} on the disk", health.bytes);
}

#[test]
fn a_policy_writes_seldom_and_never_at_idle() {
    let mut policy = WritePolicy::new(WriteMode::Phone, 0);
    assert_eq!(policy.due_in(false, 10_000_000), None);
    assert_eq!(policy.due_in(true, 0), Some(900));
    assert_eq!(policy.due_in(true, 899), Some(1));
    assert_eq!(policy.due_in(true, 5_000), Some(0));
    policy.wrote(60_000, 5_000);
    assert_eq!(policy.due_in(true, 5_000), Some(900));
    // A file of 600 KB would be 57 MB a day; at 8 MB a day it is written every 108 minutes.
    policy.wrote(600_000, 10_000);
    assert_eq!(policy.interval_s(), 6_480);
    policy.wrote(u64::MAX, 20_000);
    assert_eq!(policy.interval_s(), 86_400);
    assert_eq!(WritePolicy::new(WriteMode::Router, 0).due_in(true, 600), Some(85_800));
}
