//! Lab.
#![allow(dead_code, missing_docs, unused)]
mod device;
mod documented;
mod nulls;
mod random;
use device::*;
use monitor::memory::*;
use random::Random;
use std::collections::BTreeMap;

fn memory() -> Memory {
    Memory::new(Limits::default(), Retention::default(), [9; 16], Origin::Installed)
}

#[test]
fn lab2() {
    let app = AppKey::new("flatpak", "a");
    let contact = Contact {
        app: &app,
        destination: "x.example",
        behaviour: None,
        company: None,
        is_benign: false,
        is_detail: false,
        sums: Sums { contacts: 1, tx_bytes: 3000, rx_bytes: 700 },
        resolution_s: 0,
    };
    let gens: Vec<(&str, f64, Box<dyn Fn(&Device, &mut Random) -> Vec<f64>>)> = vec![
        ("sts first never", 6.0, Box::new(|d, r| documented::sts_first(d, r, 0.0))),
        ("sts first acked", 6.0, Box::new(|d, r| documented::sts_first(d, r, 1.0))),
        ("sts monthly 15", 365.0, Box::new(|d, r| documented::sts_monthly(d, r, 15, 1.0))),
        ("sts monthly 31", 365.0, Box::new(|d, r| documented::sts_monthly(d, r, 31, 0.7))),
        ("oneplus A", 30.0, Box::new(|d, r| documented::oneplus_delayed(d, r))),
        ("oneplus B", 60.0, Box::new(|d, r| documented::oneplus_anywhere(d, r))),
        ("adups 72", 60.0, Box::new(|d, r| documented::adups(d, r, 72.0))),
        ("adups 24", 30.0, Box::new(|d, r| documented::adups(d, r, 24.0))),
        ("os 270 5%", 3.0, Box::new(|d, r| documented::every(d, r, 270.0, 0.05))),
        ("os exp", 3.0, Box::new(|d, r| documented::idle_os(d, r))),
        ("app open", 100.0, Box::new(|d, r| documented::at_app_open(d, r, 4.0))),
        ("keepalive", 3.0, Box::new(|d, r| documented::every(d, r, 900.0, 0.01))),
        ("ntp", 3.0, Box::new(|d, r| documented::every(d, r, 2048.0, 0.02))),
    ];
    let mut r = Random::new(5);
    for mode in 0..3 {
        for (name, days, g) in &gens {
            let runs = if mode < 2 { 100 } else { 20 };
            let mut by: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
            let mut words = BTreeMap::new();
            let mut total = 0;
            for _ in 0..runs {
                let mut d =
                    if mode < 2 { Device::steady(*days) } else { Device::phone(365.0, &mut r) };
                if mode == 1 {
                    d.used = Some(7.0..23.0);
                }
                let mut m = memory();
                let times = g(&d, &mut r);
                total += times.len();
                let mut seen = std::collections::BTreeSet::new();
                for n in play(&mut m, &d, &[Stream { contact, times }]) {
                    if seen.insert(n.finding.kind) {
                        by.entry(n.finding.kind).or_default().push(n.contacts);
                        words.insert(n.finding.kind, n.finding.sentence());
                    }
                }
            }
            println!("{mode} {name} contacts {}", total / runs);
            for (k, mut c) in by {
                c.sort();
                println!(
                    "     {} {}/{} median {} p95 {} by5 {} | {}",
                    k.label(),
                    c.len(),
                    runs,
                    c[c.len() / 2],
                    c[c.len() * 95 / 100],
                    c.iter().filter(|x| **x <= 5).count(),
                    words[&k]
                );
            }
        }
    }
}
#[test]
fn dbg() {
    let app = AppKey::new("flatpak", "a");
    let contact = Contact {
        app: &app,
        destination: "x.example",
        behaviour: None,
        company: None,
        is_benign: false,
        is_detail: false,
        sums: Sums { contacts: 1, tx_bytes: 3000, rx_bytes: 700 },
        resolution_s: 0,
    };
    let mut r = Random::new(5);
    let d = Device::phone(365.0, &mut r);
    let times = documented::sts_monthly(&d, &mut r, 15, 1.0);
    let mut m = memory();
    for t in &times {
        m.contact(&contact, &d.moment(*t));
        let k = m.keys().next().unwrap();
        println!(
            "{:.2} boot {:?} last {:?} {:?} ev {}",
            (t - BEGIN) / DAY,
            d.boot_at(*t).map(|b| d.boots[b].1),
            k.last_ms.map(|x| (x as f64 / 1000.0 - t) / DAY),
            k.masks.days,
            k.events
        );
    }
}
