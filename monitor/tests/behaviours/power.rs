//! The power is cut, or the agent killed, at any moment: what is lost is what came since the last
//! write, and no more.

use monitor::memory::{
    AppKey, Contact, Limits, Memory, Retention, Sums, WriteMode, WritePolicy, store,
};

use crate::device::{BEGIN, Device};
use crate::measure::memory;
use crate::nulls;
use crate::random::Random;

#[test]
fn a_kill_loses_at_most_the_stated_interval() {
    let mut random = Random::new(4);
    let device = Device::steady(4.0);
    let app = AppKey::new("service", "app");
    let contact = Contact {
        app: &app,
        destination: "x.example",
        behaviour: None,
        company: None,
        is_benign: false,
        is_detail: false,
        sums: Sums { contacts: 1, tx_bytes: 1, rx_bytes: 0 },
        resolution_s: 0,
    };
    for _ in 0..40 {
        let times = nulls::poisson(&mut random, 300.0, 4.0);
        let killed = random.uniform(0.0, 4.0 * 86_400.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "after 1970")]
        let seconds = |t: f64| (t - BEGIN) as u64;
        let mut alive: Memory = memory();
        let mut policy = WritePolicy::new(WriteMode::Phone, 0);
        let mut disk = None;
        let before: Vec<f64> = times.into_iter().filter(|t| t - BEGIN < killed).collect();
        let mut alarm = None;
        let mut write = |memory: &mut Memory, policy: &mut WritePolicy, now: u64| {
            let file = store::encode(memory);
            policy.wrote(file.len() as u64, now);
            disk = Some(file);
            memory.saved();
        };
        for t in &before {
            // The loop wakes when the policy said, and writes.
            if let Some(due) = alarm.take_if(|due| *due <= seconds(*t)) {
                write(&mut alive, &mut policy, due);
            }
            alive.contact(&contact, &device.moment(*t));
            alarm = policy.due_in(alive.has_changed(), seconds(*t)).map(|wait| seconds(*t) + wait);
        }
        if let Some(due) = alarm.take_if(|due| *due <= seconds(BEGIN + killed)) {
            write(&mut alive, &mut policy, due);
        }
        let interval = policy.interval_s();
        assert_eq!(interval, 900);
        let kept = disk.map_or(0, |file| {
            let back = store::decode(&file, Limits::default(), Retention::default());
            let back = back.expect("it was written whole");
            back.apps().map(|app| app.sums.contacts).sum()
        });
        #[expect(clippy::cast_precision_loss, reason = "four days")]
        let safe = before.iter().filter(|t| *t - BEGIN < killed - interval as f64 - 1.0).count();
        assert!(kept >= safe as u64, "{kept} of {} are left, {safe} were safe", before.len());
        assert!(kept <= before.len() as u64);
    }
}
