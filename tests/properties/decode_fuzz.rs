//! Payloads that began as valid ones: changed, cut at each byte, wrapped in each other, and those that promise what is
//! not there. Whatever comes, little is shown, and nothing of it drives a terminal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use redwarden::decode::{Facts, Redactor, decode};

use crate::decode::{PICKLES, gzip, is_safe, shown, unbase64, whole, zlib};

/// A valid payload of each format.
fn samples() -> Vec<Vec<u8>> {
    let json = r#"{"id":"7f","args":[1,-2.5e3,true,null,"é\n\u001b[2J"],"body":"W3siYSI6MX1d","o":{"data":"{\"n\":1}"}}"#;
    let mut all = vec![
        json.as_bytes().to_vec(),
        b"\x86\xa1a\xcd\x01\x00\xa1b\x93\xd0\x80\xcb\x3f\xf8\0\0\0\0\0\0\xc4\x01\xff\xa1c\xd9\x03abc\xa1d\xc3\xa1e\xd6\xff\x5f\0\0\0\xa1f\xde\0\x01\xa1x\xc0"
            .to_vec(),
        b"O:4:\"User\":1:{s:4:\"name\";s:3:\"bob\";}".to_vec(),
        b"redis://bob:pw@db:6379/1 Authorization: Bearer abc.def".to_vec(),
    ];
    all.extend(PICKLES.iter().map(|text| unbase64(text)));
    all
}

/// In further formats, the first of them innermost.
fn wrapped(mut bytes: Vec<u8>, layers: &[u8]) -> Vec<u8> {
    for layer in layers {
        bytes = match layer {
            0 => zlib(&bytes),
            1 => gzip(&bytes),
            2 => STANDARD.encode(&bytes).into_bytes(),
            3 => serde_json::json!({ "body": STANDARD.encode(&bytes) }).to_string().into_bytes(),
            _ => [&b"\x81\xa4body\xc5"[..], &(bytes.len() as u16).to_be_bytes(), &bytes].concat(),
        };
    }
    bytes
}

#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Take(prop::sample::Index, usize),
    Put(prop::sample::Index, Vec<u8>),
    Twice(prop::sample::Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let lengths =
        [&b"\xff\xff\xff\xff"[..], b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x1b[2J", b"\xe2\x80\xae", b"."];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<prop::sample::Index>(), 1..9_usize).prop_map(|(at, n)| Change::Take(at, n)),
        (any::<prop::sample::Index>(), prop::sample::select(lengths.map(<[u8]>::to_vec).to_vec()))
            .prop_map(|(at, bytes)| Change::Put(at, bytes)),
        (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, n)| Change::Twice(at, n)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &prop::sample::Index| at.index(bytes.len().max(1)).min(bytes.len());
        match change {
            Change::Set(at, byte) => {
                let at = place(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = *byte;
                }
            }
            Change::Take(at, n) => {
                let at = place(at);
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Change::Put(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Twice(at, n) => {
                let at = place(at);
                bytes.extend_from_within(at..(at + n).min(bytes.len()));
            }
        }
    }
    bytes
}

/// All that reads payloads.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    for is_whole in [true, false] {
        let decoded = decode(bytes, is_whole, &Redactor::default());
        prop_assert!(is_safe(&decoded), "{:?}", decoded);
        prop_assert!(!decoded.how.contains(char::is_control) && decoded.how.len() < 200, "{}", decoded.how);
        if let Some(facts) = Facts::read(bytes, is_whole) {
            for text in ["a", "body", "password", "args"].iter().filter_map(|name| facts.field(name)) {
                prop_assert!(text.chars().count() <= 300 && !text.contains(char::is_control), "{text:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_near_a_valid_payload(
        which in any::<prop::sample::Index>(),
        inside in prop::collection::vec(change(), 0..4),
        layers in prop::collection::vec(0..5_u8, 0..4),
        outside in prop::collection::vec(change(), 0..3),
    ) {
        let samples = samples();
        let inner = changed(samples[which.index(samples.len())].clone(), &inside);
        check(&changed(wrapped(inner, &layers), &outside))?;
    }

    /// Lengths of strings, lists, maps and extensions up to 4 GiB, of which only a few bytes come.
    #[test]
    fn promised_lengths_cost_nothing(
        head in prop::sample::select(b"\xc4\xc5\xc6\xc7\xc8\xc9\xd9\xda\xdb\xdc\xdd\xde\xdf".to_vec()),
        length in prop_oneof![Just(u32::MAX), Just(u32::MAX / 2), any::<u32>()],
        rest in prop::collection::vec(any::<u8>(), 0..60),
        layers in prop::collection::vec(0..5_u8, 0..3),
    ) {
        let wide = matches!(head, 0xc6 | 0xc9 | 0xdb | 0xdd | 0xdf);
        let length = length.to_be_bytes();
        let bytes = [&[head][..], if wide { &length[..] } else { &length[..2] }, &rest].concat();
        check(&wrapped(bytes, &layers))?;
    }
}

/// Cut anywhere a pickle is none, unless it is known to be cut: then what is there is shown.
#[test]
fn payloads_cut_at_each_byte() {
    for sample in samples() {
        for cut in 0..sample.len() {
            check(&sample[..cut]).unwrap();
        }
        for layers in [&[0][..], &[1], &[2], &[0, 2], &[4]] {
            let sample = wrapped(sample.clone(), layers);
            for cut in (0..sample.len()).step_by(7) {
                check(&sample[..cut]).unwrap();
            }
        }
    }
    for pickle in PICKLES.map(unbase64) {
        for cut in 0..pickle.len() {
            let part = &pickle[..cut];
            assert!(!whole(part).how.contains("pickle"), "{cut} of {}", pickle.len());
            if cut > 40 && part.starts_with(b"\x80") {
                let lines = decode(part, false, &Redactor::default());
                assert_eq!(lines.how, "pickle (not executed)");
                assert!(lines.lines.join("\n").contains("app.mail"), "{lines:?}");
                assert!(lines.lines.last().unwrap().contains("cut here"), "{lines:?}");
            }
        }
    }
}

/// What is unpacked in vain counts: else each of many broken bombs would unpack all that one may.
#[test]
fn bombs_that_end_broken_are_counted_too() {
    let mut bomb = gzip(&vec![0; 60_000]);
    let end = bomb.len() - 8;
    bomb[end] ^= 1;
    let good = gzip(br#"{"seen":1}"#);
    let list = |bombs: usize| {
        let mut bytes = vec![0xdc, 0, bombs as u8 + 1];
        for part in std::iter::repeat_n(&bomb, bombs).chain([&good]) {
            bytes.extend([&[0xc5][..], &(part.len() as u16).to_be_bytes(), part].concat());
        }
        shown(&bytes)
    };
    assert!(list(1).contains("seen"), "{}", list(1));
    let many = list(5);
    assert!(!many.contains("seen") && many.contains("64 KiB"), "{many}");
}
