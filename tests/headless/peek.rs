//! `queues peek`: a few tasks, decoded and masked.

use redwarden::launcher::Server;
use serde_json::json;

use super::{Shell, cli};

#[test]
fn tasks_are_shown_and_stay() {
    let server = Server::start(&[]).unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port());
    cli(&server, &["LPUSH", "queue:a", r#"{"n":1,"api_key":"k-123"}"#, "two\u{1b}[31m"]);
    let shell = Shell::new();
    let seen = shell.run(&["queues", "peek", "queue:a", "-u", &url]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert!(seen.out.contains("(list): 2 waiting"), "{}", seen.out);
    assert!(seen.out.contains("next 1\n  [json]\n    {n: 1, api_key: ***}\n"), "{}", seen.out);
    assert!(seen.out.contains("two\\x1b[31m") && !seen.out.contains('\u{1b}'), "{}", seen.out);
    let json =
        shell.run(&["queues", "peek", "queue:a", "--count", "1", "--format", "json", "-u", &url]).json();
    assert_eq!((&json[0]["waiting"], &json[0]["family"]), (&json!(2), &json!("list")));
    assert_eq!(json[0]["next"][0]["parts"][0]["lines"], json!(["{n: 1, api_key: ***}"]));
    assert_eq!(json[0]["newest"].as_array().unwrap().len(), 1);
    assert_eq!(cli(&server, &["LLEN", "queue:a"]), "2");
    // Tasks that do not wait, and a word that names none.
    cli(&server, &["LPUSH", "queue:a:processing", "taken"]);
    let held = shell.run(&["queues", "peek", "queue:a", "--set", "in-flight", "-u", &url]);
    assert!(held.out.contains("(list): 1 in-flight\n\nfirst 1\n  [text]\n    \"taken\""), "{}", held.out);
    let later = shell.run(&["queues", "peek", "queue:a", "--set", "scheduled", "-u", &url]);
    assert_eq!(later.code, 1);
    assert!(later.err.contains("list has no place for scheduled tasks: look at waiting, "), "{}", later.err);
    let wrong = shell.run(&["queues", "peek", "queue:a", "--set", "dead", "-u", &url]);
    assert!(
        wrong.code == 2 && wrong.err.contains("waiting, in-flight, scheduled, retry, failed"),
        "{}",
        wrong.err
    );
    let none = shell.run(&["queues", "peek", "queue:b", "-u", &url]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("no queue with this key was found"), "{}", none.err);
    let config = server.dir().join("peek.toml");
    std::fs::write(&config, "[peek]\nredact = [\"n\"]\n").unwrap();
    let own = shell.run(&["queues", "peek", "queue:a", "-u", &url, "--config", config.to_str().unwrap()]);
    assert!(own.out.contains("{n: ***, api_key: \"k-123\"}"), "{}{}", own.out, own.err);
    // A kind of queue that only the user knows.
    let kind = "[[queue_family]]\nid = \"urgent\"\nqueue = \"urgent:{name}\"\ntype = \"zset\"\n";
    std::fs::write(&config, kind).unwrap();
    cli(&server, &["ZADD", "urgent:a", "9", "later", "5", "sooner"]);
    let own = shell.run(&["queues", "peek", "urgent:a", "-u", &url, "--config", config.to_str().unwrap()]);
    assert!(
        own.out.contains("(urgent): 2 waiting\n\nnext 1\n  [text]\n    \"sooner\""),
        "{}{}",
        own.out,
        own.err
    );
    std::fs::write(&config, "[peek]\nredact = [\"_\"]\n").unwrap();
    let bad = shell.run(&["queues", "peek", "queue:a", "-u", &url, "--config", config.to_str().unwrap()]);
    assert_eq!(bad.code, 2);
    assert!(bad.err.contains("peek.redact[0]: a word to mask needs a letter or digit"), "{}", bad.err);
}
