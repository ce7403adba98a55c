//! Payloads of tasks: what is shown of them, whatever they are, and that secrets are not.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use redwarden::decode::{Decoded, Redactor, decode};

pub(crate) fn whole(bytes: &[u8]) -> Decoded {
    decode(bytes, true, &Redactor::default())
}

pub(crate) fn shown(bytes: &[u8]) -> String {
    whole(bytes).lines.join("\n")
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `("app.mail", None, ("bob@example.net",), {"password": "hunter2", "retry": 3, "at": datetime(...)})`, pickled by
/// Python 3.11 with protocols 0, 1, 2 and 4.
pub(crate) const PICKLES: [&str; 4] = [
    "KFZhcHAubWFpbApwMApOKFZib2JAZXhhbXBsZS5uZXQKcDEKdHAyCihkcDMKVnBhc3N3b3JkCnA0ClZodW50ZXIyCnA1CnNWcmV0cnkKcDYKSTMKc1ZhdApwNwpjZGF0ZXRpbWUKZGF0ZXRpbWUKcDgKKGNfY29kZWNzCmVuY29kZQpwOQooVgfqAQIDBFx1MDAwMFx1MDAwMFx1MDAwMFx1MDAwMApwMTAKVmxhdGluMQpwMTEKdHAxMgpScDEzCnRwMTQKUnAxNQpzdHAxNgou",
    "KFgIAAAAYXBwLm1haWxxAE4oWA8AAABib2JAZXhhbXBsZS5uZXRxAXRxAn1xAyhYCAAAAHBhc3N3b3JkcQRYBwAAAGh1bnRlcjJxBVgFAAAAcmV0cnlxBksDWAIAAABhdHEHY2RhdGV0aW1lCmRhdGV0aW1lCnEIKGNfY29kZWNzCmVuY29kZQpxCShYCwAAAAfDqgECAwQAAAAAcQpYBgAAAGxhdGluMXELdHEMUnENdHEOUnEPdXRxEC4=",
    "gAIoWAgAAABhcHAubWFpbHEATlgPAAAAYm9iQGV4YW1wbGUubmV0cQGFcQJ9cQMoWAgAAABwYXNzd29yZHEEWAcAAABodW50ZXIycQVYBQAAAHJldHJ5cQZLA1gCAAAAYXRxB2NkYXRldGltZQpkYXRldGltZQpxCGNfY29kZWNzCmVuY29kZQpxCVgLAAAAB8OqAQIDBAAAAABxClgGAAAAbGF0aW4xcQuGcQxScQ2FcQ5ScQ91dHEQLg==",
    "gASVdQAAAAAAAAAojAhhcHAubWFpbJROjA9ib2JAZXhhbXBsZS5uZXSUhZR9lCiMCHBhc3N3b3JklIwHaHVudGVyMpSMBXJldHJ5lEsDjAJhdJSMCGRhdGV0aW1llIwIZGF0ZXRpbWWUk5RDCgfqAQIDBAAAAACUhZRSlHV0lC4=",
];

#[test]
fn pickles_of_all_protocols_are_read_and_none_is_run() {
    for text in PICKLES {
        let pickle = unbase64(text);
        for (payload, how) in [
            (pickle.clone(), "pickle (not executed)"),
            (zlib(&pickle), "zlib, pickle (not executed)"),
            (gzip(&pickle), "gzip, pickle (not executed)"),
            (text.as_bytes().to_vec(), "base64, pickle (not executed)"),
        ] {
            let decoded = whole(&payload);
            let lines = decoded.lines.join("\n");
            assert_eq!(decoded.how, how, "{lines}");
            for part in [
                "\"app.mail\"",
                "null",
                "[\"bob@example.net\"]",
                "password: ***",
                "retry: 3",
                "datetime.datetime",
            ] {
                assert!(lines.contains(part), "{part} in {lines}");
            }
            assert!(!lines.contains("hunter2"), "{lines}");
        }
    }
    // os.system("touch /tmp/owned"), protocols 4 and 0.
    for text in [
        "gASVKwAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjBB0b3VjaCAvdG1wL293bmVklIWUUpQu",
        "Y3Bvc2l4CnN5c3RlbQpwMAooVnRvdWNoIC90bXAvb3duZWQKcDEKdHAyClJwMwou",
    ] {
        assert_eq!(shown(&unbase64(text)), r#"posix.system("touch /tmp/owned")"#);
    }
    let ordered = "gASVmgAAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAFhlEsBjAFilI+UKEsCSwOQjAFjlChLBJGUjAFklEMEcmF3/5SMAWWUigkAAAAAAAAAAECMAWaUSvv///+MAWeURz/4AAAAAAAAjAFolIiMAWmUTowBapRdlChLAV2UKEsCSwOFlGVljAFrlIwGaMOpbGxvlHUu";
    let lines = shown(&unbase64(ordered));
    for part in [
        "collections.OrderedDict",
        "b: [2, 3]",
        "d: b\"raw\\xff\"",
        "e: 1180591620717411303424",
        "f: -5",
        "g: 1.5",
        "h: true",
        "j: [1, [2, [3]]]",
        "k: \"héllo\"",
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
}

#[test]
fn formats_within_formats() {
    let celery = format!(
        r#"{{"body":"{}","headers":{{"task":"shop.mail"}},"properties":{{"body_encoding":"base64"}}}}"#,
        STANDARD.encode(r#"[["bob"],{"api_key":"k-1234"},{}]"#)
    );
    let decoded = whole(celery.as_bytes());
    assert_eq!(decoded.how, "json");
    let lines = decoded.lines.join("\n");
    assert!(lines.contains(r#"body: [base64, json] [["bob"], {api_key: ***}, {}]"#), "{lines}");
    // JSON in a string, as Laravel and Active Job write it, and msgpack as asynq's users like it.
    assert_eq!(shown(br#"{"data":"{\"token\":\"t-1\",\"n\":1}"}"#), "{data: [json] {token: ***, n: 1}}");
    let packed = [&b"\x82\xa1n\xcd\x01\x00\xa6secret\xa3abc"[..]].concat();
    assert_eq!((whole(&packed).how.as_str(), shown(&packed).as_str()), ("msgpack", "{n: 256, secret: ***}"));
    assert_eq!(shown(b"\x93\xd0\x80\xcb\x3f\xf8\0\0\0\0\0\0\xc4\x01\xff"), r#"[-128, 1.5, b"\xff"]"#);
    for (payload, how) in
        [(&b"plain text"[..], "text"), (b"\xff\xfe\x01", "bytes"), (b"42", "text"), (b"", "text")]
    {
        assert_eq!(whole(payload).how, how);
    }
}

#[test]
fn secrets_in_plain_text() {
    let all = Redactor::default();
    for (text, masked) in [
        ("password=hunter2&user=bob", "password=***&user=bob"),
        ("Authorization: Bearer abc.def next", "Authorization: *** next"),
        ("call(api_key='k', n=1)", "call(api_key='***', n=1)"),
        ("redis://bob:pw@db:6379/1", "redis://bob:***@db:6379/1"),
        (
            r#"O:4:"User":2:{s:8:"password";s:3:"abc";s:1:"n";i:1;}"#,
            r#"O:4:\"User\":2:{s:8:\"password\";s:3:\"***\";s:1:\"n\";i:1;}"#,
        ),
        ("Bearer xyz", "Bearer ***"),
        ("the password of bob", "the password of bob"),
        ("https://example.net/a?b=c", "https://example.net/a?b=c"),
    ] {
        let shown = decode(text.as_bytes(), true, &all).lines.join("");
        assert!(shown.contains(masked) || shown.contains(&masked.replace('\\', "")), "{text} -> {shown}");
    }
    let own = Redactor::new(["iban"]);
    let lines = decode(br#"{"IBAN_number":"DE1","password":"seen"}"#, true, &own).lines.join("");
    assert_eq!(lines, r#"{IBAN_number: ***, password: "seen"}"#);
}

#[test]
fn bombs_give_little() {
    let mut nested = vec![b'x'; 40_000];
    for _ in 0..8 {
        nested = gzip(&nested);
    }
    let mut layers = b"[1]".to_vec();
    for _ in 0..12 {
        layers = STANDARD.encode(&layers).into_bytes();
    }
    let lists = |depth: usize| {
        [b"\x80\x04".to_vec(), vec![b']'; depth], vec![b'a'; depth - 1], b".".to_vec()].concat()
    };
    // Each line doubles what the one before made: 2^60 values if memo entries were copied.
    let mut laughs = b"\x80\x02]q\x00".to_vec();
    for _ in 0..60 {
        laughs.extend(b"]q\x01(h\x01h\x01e");
    }
    laughs.push(b'.');
    let bombs: Vec<Vec<u8>> = vec![
        zlib(&vec![0; 10_000_000]),
        gzip(&vec![b'['; 10_000_000]),
        nested,
        layers,
        vec![b'['; 200_000],
        [vec![b'['; 30_000], vec![b']'; 30_000]].concat(),
        b"{\"a\":".repeat(40_000),
        lists(60_000),
        vec![0x91; 200_000],
        b"\xdd\xff\xff\xff\xff".to_vec(),
        b"\xdf\xff\xff\xff\xff\x01\x01".to_vec(),
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.".to_vec(),
        b"\x80\x04\x8b\xff\xff\xff\xffabc.".to_vec(),
        [b"\x80\x04\x8c\xff".to_vec(), vec![b'x'; 255], vec![0x94; 60_000], b".".to_vec()].concat(),
        [b"\x80\x04(".to_vec(), vec![b'2'; 60_000], b".".to_vec()].concat(),
        laughs,
        vec![b'('; 60_000],
    ];
    for bomb in bombs {
        for is_whole in [true, false] {
            let decoded = decode(&bomb, is_whole, &Redactor::default());
            assert!(is_safe(&decoded), "{:?}", &bomb[..bomb.len().min(20)]);
        }
    }
    let decoded = whole(&zlib(&vec![b'a'; 10_000_000]));
    assert_eq!(decoded.how, "zlib, text");
    assert!(decoded.lines.last().unwrap().contains("64 KiB"), "{:?}", decoded.lines.last());
}

/// Something with a secret in it, as different libraries write their tasks.
fn with_secret() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(serde_json::json!(1)),
        "[a-z ]{0,9}".prop_map(Into::into),
        Just(serde_json::json!(null))
    ];
    let around = prop_oneof![Just("data"), Just("kwargs"), Just("x")];
    let name = prop_oneof![Just("password"), Just("X-Auth-Token"), Just("apiKey"), Just("db_secret_2")];
    let layers = proptest::collection::vec((around, leaf, 0_u8..4), 0..5);
    (name, layers, 0_u8..5).prop_map(|(name, layers, outer)| {
        let mut value = serde_json::json!({ name: "S3CR3T" });
        for (key, beside, how) in layers {
            value = match how {
                0 => serde_json::json!({ key: value, "beside": beside }),
                1 => serde_json::json!([beside, value]),
                2 => serde_json::json!({ key: value.to_string() }),
                _ => serde_json::json!({ key: STANDARD.encode(value.to_string()) }),
            };
        }
        let json = value.to_string().into_bytes();
        match outer {
            0 => json,
            1 => zlib(&json),
            2 => gzip(&json),
            3 => STANDARD.encode(json).into_bytes(),
            _ => STANDARD.encode(zlib(&json)).into_bytes(),
        }
    })
}

/// How payloads of the formats begin.
const HEADS: [&[u8]; 10] = [
    b"\x80\x04",
    b"\x80\x02(",
    b"(dp0\n",
    b"\x78\x9c",
    b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    b"{\"a\":",
    b"[\"\\u",
    b"\x83",
    b"\xdc\x00\x09",
    b"c__main__\nA\n",
];

/// Little, and nothing that drives a terminal.
pub(crate) fn is_safe(decoded: &Decoded) -> bool {
    let clean = |line: &String| !line.contains(char::is_control);
    let size: usize = decoded.lines.iter().map(String::len).sum();
    decoded.lines.iter().all(clean) && decoded.lines.len() <= 302 && size < 200_000
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_reach_the_terminal(bytes in proptest::collection::vec(any::<u8>(), 0..300), whole: bool) {
        prop_assert!(is_safe(&decode(&bytes, whole, &Redactor::default())));
    }

    #[test]
    fn neither_do_those_that_begin_well(
        head in proptest::sample::select(&HEADS[..]),
        ops in proptest::collection::vec(prop_oneof![
            any::<u8>(),
            proptest::sample::select(b"().]}2NIKMJGabcdeghijlopqrstuQPRSTUVX01\x85\x86\x87\x88\x89\x8a\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\n".to_vec()),
        ], 0..200),
        whole: bool,
    ) {
        let bytes = [head, &ops, b"."].concat();
        prop_assert!(is_safe(&decode(&bytes, whole, &Redactor::default())));
    }

    #[test]
    fn changed_pickles_never_panic(which in 0..4_usize, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut bytes = unbase64(PICKLES[which]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert!(is_safe(&decode(&bytes, true, &Redactor::default())));
    }

    #[test]
    fn a_secret_is_never_shown(payload in with_secret(), cut in any::<prop::sample::Index>()) {
        let all = shown(&payload);
        prop_assert!(!all.contains("S3CR3T"), "{all}");
        prop_assert!(!all.contains(&STANDARD.encode("S3CR3T")[..6]), "{all}");
        let part = &payload[..cut.index(payload.len())];
        let some = decode(part, false, &Redactor::default()).lines.join("\n");
        prop_assert!(!some.contains("S3CR3T"), "{some}");
    }
}
