//! Values that applications and libraries make which nobody described: their locks are found, nothing is claimed that
//! the value does not say, and no holder is made up.

use redwarden::config::Config;
use redwarden::domain::Command;

use crate::support::Bench;
use crate::{look, reader};

/// Value of the lock, the family that is likeliest, and how sure it may be at the most.
const VALUES: [(&str, &str, u8); 27] = [
    ("web-3:4711", "setnx", 40),
    ("worker@web-3.example.net", "setnx", 40),
    (r#"{"owner":"web-3","pid":4711,"at":"2026-11-23T10:00:00Z"}"#, "setnx", 40),
    // A ULID, a KSUID, nanoids of 21 and 16 characters, a Snowflake.
    ("01JDA3V5XK4W6G7YB2RZQ9M8TN", "setnx", 40),
    ("2ou5vGyLXCnzA9MmYwBKfHd3QsT", "setnx", 40),
    ("V1StGXR8_Z5jdHi6B-myT", "setnx", 40),
    ("IRFa-VaY2b_x7Qk0", "setnx", 40),
    ("1587429384756192", "setnx", 40),
    ("1", "setnx", 40),
    ("true", "setnx", 40),
    ("locked", "setnx", 40),
    ("1795466956", "setnx", 40),
    ("1795466956000", "setnx", 40),
    ("1795466956.123", "setnx", 40),
    ("0.7315623", "setnx", 40),
    ("2026-11-23T10:00:00Z", "setnx", 40),
    // A GUID as .NET and as Windows write it, a time UUID, a thread of Java.
    ("{3F2504E0-4F89-41D3-9A0C-0305E82C3301}", "setnx", 40),
    ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", "setnx", 40),
    ("46ce1d6a-e733-11f1-90bc-02fc00000001", "setnx", 40),
    ("3f2504e0-4f89-41d3-9a0c-0305e82c3301:42", "setnx", 40),
    // Random bytes in hex: 8, 12 (an ObjectId, a job of Sidekiq), 20, 32; uuid4().hex of redis-lock-py 1.3 and many more.
    ("9f86d081884c7d65", "setnx", 40),
    ("507f1f77bcf86cd799439011", "setnx", 40),
    ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "redlock4j", 50),
    ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "setnx", 40),
    ("3f2504e04f8941d39a0c0305e82c3301", "redlock-pypi", 50),
    // Random bytes of 32 in base64url, as Go's and Python's token_urlsafe.
    ("Drmhze6EPcv0fN_81Bj-nAKzXhTq7mYw2sLQ5uVd9oE", "setnx", 40),
    ("", "setnx", 40),
];

#[tokio::test]
async fn values_of_nobodys_library_are_locks_of_no_certain_family_and_nobodys() {
    let bench = Bench::start(&[]);
    let (mut raw, mut reader) = (bench.raw().await, reader(&bench).await);
    let patterns = Config::default().lock_patterns;
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    for (value, family, most) in VALUES {
        for key in ["lock:nightly", "report:lock", "orders_lock"] {
            let set = Command::new("SET").arg(key).arg(value).arg("PX").arg(600_000_i64);
            raw.call(&set).await.unwrap();
            let lock = look(&mut reader, &patterns, &key.into()).await;
            let lock = lock.unwrap_or_else(|| panic!("{key} {value:?}: no lock"));
            assert_eq!(lock.family, family, "{key} {value:?}: {:?}", lock.candidates);
            let sure = lock.candidates.iter().map(|(_, sure)| *sure).max();
            assert!(sure <= Some(most), "{key} {value:?}: {:?}", lock.candidates);
            assert_eq!(lock.holder, None, "{key} {value:?}");
        }
    }
}
