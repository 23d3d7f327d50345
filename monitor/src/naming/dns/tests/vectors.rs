//! Messages that another program wrote: dnspython 2.9.2 made them from the records in the comments, with
//! its own compression. An EDNS record is in each answer.

use super::*;

// www.example.com A, with EDNS
const QUERY_A: &str = "\
    1a2b0100000100000000000103777777076578616d706c6503636f6d000001000100002904d00000\
    00000000";

// Open.OnePlus.net HTTPS, without EDNS
const QUERY_HTTPS: &str = "\
    000701000001000000000000044f70656e074f6e65506c7573036e65740000410001";

// www.example.com 300 A 192.0.2.10, 192.0.2.11
const ANSWER_A: &str = "\
    1a2b8180000100020000000103777777076578616d706c6503636f6d0000010001c00c0001000100\
    00012c0004c000020ac00c000100010000012c0004c000020b0000292000000000000000";

// shop.example.com 3600 CNAME shop.example.com.edge.example.net
// shop.example.com.edge.example.net 20 CNAME e1234.a.example.org
// e1234.a.example.org 60 AAAA 2001:db8:1::7, 2001:db8:1::8
// e1234.a.example.org 15 A 198.51.100.9
const ANSWER_CHAIN: &str = "\
    0002818000010005000000010473686f70076578616d706c6503636f6d00001c0001c00c00050001\
    00000e1000230473686f70076578616d706c6503636f6d0465646765076578616d706c65036e6574\
    00c02e000500010000001400150565313233340161076578616d706c65036f726700c05d001c0001\
    0000003c001020010db8000100000000000000000007c05d001c00010000003c001020010db80001\
    00000000000000000008c05d000100010000000f0004c63364090000292000000000000000";

// c.example 90 A 192.0.2.3
// b.example 50 CNAME c.example
// z.example 50 A 192.0.2.99
// a.example 70 CNAME b.example
const ANSWER_SHUFFLED: &str = "\
    0003818000010004000000010161076578616d706c6500000100010163c00e000100010000005a00\
    04c00002030162c00e00050001000000320002c01b017ac00e00010001000000320004c0000263c0\
    0c00050001000000460002c02d0000292000000000000000";

// cdn.example.com 300 HTTPS 2 pool.example.net alpn=h2 port=8443
// cdn.example.com 300 HTTPS 1 . alpn=h3,h2 ipv4hint=203.0.113.1,203.0.113.2 ipv6hint=2001:db8:2::1
// and in the additional section
// pool.example.net 30 A 203.0.113.77
// pool.example.net 400 AAAA 2001:db8:2::77
// other.example.net 30 A 203.0.113.66
const ANSWER_HTTPS: &str = "\
    0004818000010002000000040363646e076578616d706c6503636f6d0000410001c00c0041000100\
    00012c0021000204706f6f6c076578616d706c65036e657400000100030268320003000220fbc00c\
    004100010000012c002d0001000001000602683302683200040008cb007101cb0071020006001020\
    010db800020000000000000000000104706f6f6c076578616d706c65036e65740000010001000000\
    1e0004cb00714dc087001c000100000190001020010db8000200000000000000000077056f746865\
    72c08c000100010000001e0004cb0071420000292000000000000000";

// example.com 100 HTTPS 0 svc.example.net
// and in the additional section
// svc.example.net 200 HTTPS 1 . ipv4hint=203.0.113.5
// svc.example.net 40 A 203.0.113.6
const ANSWER_HTTPS_ALIAS: &str = "\
    000581800001000100000003076578616d706c6503636f6d0000410001c00c004100010000006400\
    13000003737663076578616d706c65036e65740003737663076578616d706c65036e657400004100\
    01000000c8000b00010000040004cb007105c03c00010001000000280004cb007106000029200000\
    0000000000";

// old.example 500 DNAME new.example
// www.old.example 500 CNAME www.new.example
// www.new.example 600 A 192.0.2.20
const ANSWER_DNAME: &str = "\
    00068180000100030000000103777777036f6c64076578616d706c650000010001c0100027000100\
    0001f4000d036e6577076578616d706c6500c00c00050001000001f4000a03777777036e6577c014\
    c04600010001000002580004c00002140000292000000000000000";

// in the authority section: example.com 900 SOA
const ANSWER_NXDOMAIN: &str = "\
    000881830001000000010001076e6f7468696e67076578616d706c6503636f6d0000010001c01400\
    060001000003840021026e73c0140561646d696ec014000000010000000200000003000000040000\
    00050000292000000000000000";

// TC, and no record
const ANSWER_TRUNCATED: &str = "\
    00098380000100000000000103777777076578616d706c6503636f6d000001000100002920000000\
    00000000";

// www.example.com 60 A 192.0.2.1
// in the authority section: example.com 900 NS ns1.example.com, ns2.example.net
// in the additional section: ns1.example.com 900 A, ns2.example.net 900 AAAA
const ANSWER_GLUE: &str = "\
    000a8180000100010002000303777777076578616d706c6503636f6d0000010001c00c0001000100\
    00003c0004c0000201c01000020001000003840011036e7332076578616d706c65036e657400c010\
    00020001000003840006036e7331c010c05a00010001000003840004c0000235c03d001c00010000\
    0384001020010db80000000000000000000000530000292000000000000000";

// 10.2.0.192.in-addr.arpa 60 PTR www.example.com
const ANSWER_PTR: &str = "\
    000b81800001000100000001023130013201300331393207696e2d61646472046172706100000c00\
    01c00c000c00010000003c001103777777076578616d706c6503636f6d0000002920000000000000\
    00";

// m.example 60 AAAA ::ffff:192.0.2.44
const ANSWER_MAPPED: &str = "\
    000c81800001000100000001016d076578616d706c6500001c0001c00c001c00010000003c001000\
    000000000000000000ffffc000022c0000292000000000000000";

// asked: wWw.eXaMple.cOM
// WWW.ExamplE.com 300 CNAME CDN.Example.NET
// cdn.eXAMPLE.net 300 A 192.0.2.30
const ANSWER_0X20: &str = "\
    000d8180000100020000000103775777076558614d706c6503634f4d0000010001c00c0005000100\
    00012c00110343444e074578616d706c65034e455400c02d000100010000012c0004c000021e0000\
    292000000000000000";

/// An answer, the question in it, and what it says of addresses and their seconds.
const ANSWERS: [(&str, &str, u16, &[&str]); 12] = [
    (ANSWER_A, "www.example.com", kind::A, &["192.0.2.10 300", "192.0.2.11 300"]),
    (
        ANSWER_CHAIN,
        "shop.example.com",
        kind::AAAA,
        &["2001:db8:1::7 20", "2001:db8:1::8 20", "198.51.100.9 15"],
    ),
    (ANSWER_SHUFFLED, "a.example", kind::A, &["192.0.2.3 50"]),
    (
        ANSWER_HTTPS,
        "cdn.example.com",
        kind::HTTPS,
        &[
            "203.0.113.1 300",
            "203.0.113.2 300",
            "2001:db8:2::1 300",
            "203.0.113.77 30",
            "2001:db8:2::77 300",
        ],
    ),
    (ANSWER_HTTPS_ALIAS, "example.com", kind::HTTPS, &["203.0.113.5 100", "203.0.113.6 40"]),
    (ANSWER_DNAME, "www.old.example", kind::A, &["192.0.2.20 500"]),
    (ANSWER_NXDOMAIN, "nothing.example.com", kind::A, &[]),
    (ANSWER_TRUNCATED, "www.example.com", kind::A, &[]),
    (ANSWER_GLUE, "www.example.com", kind::A, &["192.0.2.1 60"]),
    (ANSWER_PTR, "10.2.0.192.in-addr.arpa", 12, &[]),
    (ANSWER_MAPPED, "m.example", kind::AAAA, &["192.0.2.44 60"]),
    (ANSWER_0X20, "www.example.com", kind::A, &["192.0.2.30 300"]),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("a digit");
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("a byte");
    hex.as_bytes().chunks(2).map(byte).collect()
}

#[test]
fn answers_of_another_program() {
    for (hex, asked, kind, expected) in ANSWERS {
        let found = answer(&bytes(hex));
        assert_eq!(found.question, Question { name: host(asked), kind });
        assert_eq!(addresses(&bytes(hex)), expected, "{asked}");
        assert!(!found.partial, "{asked}");
        assert_eq!(found.truncated, hex == ANSWER_TRUNCATED);
        assert_eq!(found.rcode, if hex == ANSWER_NXDOMAIN { 3 } else { 0 });
    }
}

#[test]
fn queries_of_another_program() {
    for (hex, id, asked, kind) in
        [(QUERY_A, 0x1a2b, "www.example.com", kind::A), (QUERY_HTTPS, 7, "open.oneplus.net", 65)]
    {
        let question = Question { name: host(asked), kind };
        assert_eq!(message(&bytes(hex)), Ok(Message::Query(Query { id, question })));
    }
}

/// However a copy is cut, it says less and nothing else.
#[test]
fn a_cut_answer_tells_what_is_whole() {
    for (hex, asked, ..) in ANSWERS {
        let whole = bytes(hex);
        let full = answer(&whole);
        let question_end = 12 + name(asked).len() + 4;
        let mut count = 0;
        for cut in 0..whole.len() {
            let found = message(&whole[..cut]);
            if cut < question_end {
                assert_eq!(found, Err(DnsError::Incomplete), "{asked} {cut}");
                continue;
            }
            let found = answer(&whole[..cut]);
            assert!(found.partial, "{asked} {cut}");
            assert!(
                found.addresses.iter().all(|one| full.addresses.contains(one)),
                "{asked} {cut}"
            );
            assert!(found.addresses.len() >= count, "{asked} {cut}");
            count = found.addresses.len();
            let rest = Answer { addresses: full.addresses.clone(), partial: false, ..found };
            assert_eq!(rest, full, "{asked} {cut}");
        }
        // The last record is that of EDNS.
        assert_eq!(count, full.addresses.len(), "{asked}");
    }
}

#[test]
fn a_cut_query_is_one_as_soon_as_its_question_is_whole() {
    for (hex, question_end) in [(QUERY_A, 33), (QUERY_HTTPS, 34)] {
        let whole = bytes(hex);
        for cut in 0..=whole.len() {
            let found = message(&whole[..cut]);
            let expected =
                if cut < question_end { Err(DnsError::Incomplete) } else { message(&whole) };
            assert_eq!(found, expected, "{cut}");
        }
    }
}
