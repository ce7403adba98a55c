//! `locks release` and `queues push`.

use redwarden::launcher::Server;

use super::{Shell, cli};

const TOKEN: &str = "4f9c0c5e-9b52-4d8e-8c0c-0d7a4c8ad0aa";

#[test]
fn releases_what_was_seen_and_writes_it_down() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    cli(&server, &["SET", "lock:a", TOKEN]);
    // Nobody is there to confirm.
    let refused = shell.run(&["locks", "release", "lock:a", "-u", &url]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    let dry = shell.run(&["locks", "release", "lock:a", "--dry-run", "-u", &url]);
    assert_eq!((dry.code, cli(&server, &["EXISTS", "lock:a"])), (0, "1".into()));
    assert!(dry.err.contains("DEL lock:a"), "{}", dry.err);
    let wrong = shell.run(&["locks", "release", "lock:a", "--if-token", "other", "--yes", "-u", &url]);
    assert_eq!((wrong.code, cli(&server, &["EXISTS", "lock:a"])), (1, "1".into()));
    assert!(wrong.err.contains("another token"), "{}", wrong.err);
    assert!(shell.audit().is_empty());
    let done = shell.run(&["locks", "release", "lock:a", "--if-token", TOKEN, "--yes", "-u", &url]);
    assert_eq!((done.code, cli(&server, &["EXISTS", "lock:a"])), (0, "0".into()), "{}", done.err);
    assert_eq!(shell.audit().len(), 2, "a line before and a line after");
    let gone = shell.run(&["locks", "release", "lock:a", "--yes", "-u", &url]);
    assert_eq!(gone.code, 1, "{}", gone.err);
    let audit = shell.run(&["audit"]);
    assert!(audit.out.contains("lock:a") && audit.out.contains("release"), "{}", audit.out);
}

#[test]
fn releases_as_the_library_does() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let run = |key: &str| shell.run(&["locks", "release", key, "--yes", "-u", &url]);
    cli(&server, &["HSET", "myLock", "285475da-9152-4c83-822a-67ee2f116a79:52", "1"]);
    let redisson = run("myLock");
    assert_eq!((redisson.code, cli(&server, &["EXISTS", "myLock"])), (0, "0".into()), "{}", redisson.err);
    assert!(redisson.err.contains("PUBLISH redisson_lock__channel:{myLock} 0"), "{}", redisson.err);
    cli(&server, &["SET", "lock:orders", "23DeHRBdcxFxNQKXpVGKoM6g"]);
    let signalled = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| cli(&server, &["BLPOP", "lock-signal:orders", "10"]));
        let ran = run("lock:orders");
        assert_eq!(waiter.join().unwrap(), "lock-signal:orders\n1", "{}", ran.err);
        ran
    });
    assert_eq!(signalled.code, 0, "{}", signalled.err);
    cli(&server, &["SET", "bull:emails:1:lock", "31ca5b94-7a09-4214-89ed-c8b9e4ac47fe:0"]);
    let refused = run("bull:emails:1:lock");
    assert_eq!(
        (refused.code, cli(&server, &["EXISTS", "bull:emails:1:lock"])),
        (1, "1".into()),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("stalled check"), "{}", refused.err);
    cli(&server, &["HSET", "myHash", "field", "value"]);
    let data = run("myHash");
    assert_eq!((data.code, cli(&server, &["EXISTS", "myHash"])), (1, "1".into()), "{}", data.err);
    let json = shell.run(&["locks", "--for", "1s", "--format", "json", "-u", &url]).json();
    assert_eq!(json["locks"][0]["family"], "bullmq", "{json}");
    assert_eq!(json["locks"][0]["family_candidates"][0]["confidence"], 98, "{json}");
}

#[test]
fn a_constant_value_proves_no_identity_and_it_says_so() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    cli(&server, &["SET", "lock:const", "1"]);
    let ran = shell.run(&["locks", "release", "lock:const", "--yes", "-u", &server.url()]);
    assert!(ran.err.contains("identity cannot be proven"), "{}", ran.err);
    assert_eq!((ran.code, cli(&server, &["EXISTS", "lock:const"])), (0, "0".into()));
}

#[test]
fn read_only_and_denied() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    cli(&server, &["SET", "lock:a", TOKEN]);
    for args in [
        vec!["--read-only", "locks", "release", "lock:a", "--yes", "-u"],
        vec!["locks", "release", "lock:a", "--yes", "--read-only", "-u"],
    ] {
        let ran = shell.run(&[args, vec![&server.url()]].concat());
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("read-only"), "{}", ran.err);
    }
    cli(&server, &["ACL", "SETUSER", "watcher", "on", ">pw", "~*", "+@all", "-@write"]);
    let url = format!("redis://watcher:pw@127.0.0.1:{}", server.port());
    let denied = shell.run(&["locks", "release", "lock:a", "--yes", "-u", &url]);
    assert_eq!(denied.code, 1, "{}", denied.err);
    assert!(denied.err.contains("not permitted"), "{}", denied.err);
    assert_eq!(cli(&server, &["EXISTS", "lock:a"]), "1");
}

#[test]
fn a_key_on_two_nodes_must_be_told_apart() {
    let (a, b) = (Server::start(&[]).unwrap(), Server::start(&[]).unwrap());
    let shell = Shell::new();
    for server in [&a, &b] {
        cli(server, &["SET", "lock:a", TOKEN]);
    }
    let (first, second) = (a.url(), b.url());
    let both = ["-u", first.as_str(), "-u", second.as_str()];
    let which = shell.run(&[&["locks", "release", "lock:a", "--yes"], &both[..]].concat());
    assert_eq!(which.code, 2, "{}", which.err);
    let name = format!("127.0.0.1:{}", b.port());
    assert!(which.err.contains(&name) && which.err.contains("--all-nodes"), "{}", which.err);
    let one = shell.run(&[&["locks", "release", "lock:a", "--yes", "--node", &name], &both[..]].concat());
    assert_eq!(one.code, 0, "{}", one.err);
    assert_eq!((cli(&a, &["EXISTS", "lock:a"]), cli(&b, &["EXISTS", "lock:a"])), ("1".into(), "0".into()));
    let push = shell.run(&[&["queues", "push", "queue:new"], &both[..]].concat());
    assert_eq!(push.code, 2, "{}", push.err);
    let all = shell.run(&[&["queues", "push", "queue:new", "--all-nodes"], &both[..]].concat());
    assert_eq!(all.code, 0, "{}", all.err);
    assert_eq!((cli(&a, &["LLEN", "queue:new"]), cli(&b, &["LLEN", "queue:new"])), ("1".into(), "1".into()));
    let nowhere =
        shell.run(&[&["locks", "release", "lock:a", "--yes", "--node", "nope"], &both[..]].concat());
    assert_eq!(nowhere.code, 2, "{}", nowhere.err);
}

#[test]
fn pushes_test_tasks_and_never_to_another_type() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let ran = shell.run(&["queues", "push", "queue:q", "--count", "3", "-u", &url]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 3), "{}", ran.err);
    assert_eq!(cli(&server, &["LLEN", "queue:q"]), "3");
    assert!(cli(&server, &["LINDEX", "queue:q", "0"]).contains(r#""kind":"redwarden.test""#));
    let own = shell.run(&["queues", "push", "queue:r", "payload of mine", "--right", "--yes", "-u", &url]);
    assert_eq!((own.code, cli(&server, &["LRANGE", "queue:r", "0", "-1"])), (0, "payload of mine".into()));
    cli(&server, &["SET", "queue:s", "x"]);
    let wrong = shell.run(&["queues", "push", "queue:s", "--force", "-u", &url]);
    assert_eq!((wrong.code, cli(&server, &["GET", "queue:s"])), (1, "x".into()), "{}", wrong.err);
}

#[test]
fn a_node_that_is_down_may_be_the_one_that_is_meant() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let (up, dead) =
        (server.url(), format!("redis://127.0.0.1:{}", redwarden::launcher::free_port().unwrap()));
    let both = ["-u", up.as_str(), "-u", dead.as_str()];
    let push = shell.run(&[&["queues", "push", "queue:q"], &both[..]].concat());
    assert_eq!((push.code, cli(&server, &["DBSIZE"])), (2, "0".into()), "{}", push.err);
    assert!(push.err.contains("--node"), "{}", push.err);
    let all = shell.run(&[&["queues", "push", "queue:q", "--all-nodes"], &both[..]].concat());
    assert_eq!((all.code, cli(&server, &["LLEN", "queue:q"])), (1, "1".into()), "{}", all.err);
    // Where it stands it may go on standing.
    assert_eq!(shell.run(&[&["queues", "push", "queue:q"], &both[..]].concat()).code, 0);
    let run = shell.run(&[&["lock", "run", "lock:x", "--ttl", "5s"], &both[..], &["--", "true"]].concat());
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(!run.err.contains("--all-nodes"), "{}", run.err);
}

#[test]
fn a_long_token_is_compared_by_its_digest() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let token = "0123456789abcdef".repeat(200);
    cli(&server, &["SET", "lock:long", &token]);
    let other = format!("{}x", &token[..token.len() - 1]);
    for (given, code, left) in [(&other, 1, "1"), (&token, 0, "0")] {
        let ran =
            shell.run(&["locks", "release", "lock:long", "--yes", "--if-token", given, "-u", &server.url()]);
        assert_eq!((ran.code, cli(&server, &["EXISTS", "lock:long"]).as_str()), (code, left), "{}", ran.err);
    }
}

#[test]
fn one_of_several_holders_and_the_family_can_be_said() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let (first, second) =
        ("APPHOST01_4312_cbe9c63987404155b7711a69fd613959", "APPHOST02_99_62a3c4dd1dfa434eb9a354a7e7482556");
    cli(&server, &["SADD", "rw.readers", first, second]);
    let json = shell.run(&["snapshot", "--format", "json", "-u", &url]).json();
    let lock = &json["locks"][0];
    assert_eq!(
        (lock["holders_total"].as_u64(), lock["holders"].as_array().unwrap().len()),
        (Some(2), 2),
        "{lock}"
    );
    assert_eq!(lock["holders"][1]["token"], second);
    let dry = shell.run(&["locks", "release", "rw.readers", "--dry-run", "-u", &url]);
    assert!(dry.err.contains("1 more hold it") && dry.err.contains("--if-token"), "{}", dry.err);
    let one = shell.run(&["locks", "release", "rw.readers", "--if-token", second, "--yes", "-u", &url]);
    assert_eq!((one.code, cli(&server, &["SMEMBERS", "rw.readers"])), (0, first.into()), "{}", one.err);

    // A bare number: what it is only a person knows.
    cli(&server, &["SET", "lock:limit", "2", "PX", "600000"]);
    let dry = shell.run(&["locks", "release", "lock:limit", "--dry-run", "-u", &url]);
    assert!(dry.err.contains("DEL lock:limit") && dry.err.contains("--family"), "{}", dry.err);
    let wrong = shell.run(&["locks", "release", "lock:limit", "--family", "huey-x", "--yes", "-u", &url]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("no lock family huey-x") && wrong.err.contains("dramatiq"), "{}", wrong.err);
    let given = shell.run(&["locks", "release", "lock:limit", "--family", "dramatiq", "--yes", "-u", &url]);
    assert_eq!((given.code, cli(&server, &["GET", "lock:limit"])), (0, "1".into()), "{}", given.err);
    assert!(given.err.contains("DECRBY lock:limit 1"), "{}", given.err);
}

#[test]
fn a_lock_that_ends_in_seconds_is_better_waited_for() {
    let server = Server::start(&[]).unwrap();
    cli(&server, &["SET", "lock:a", TOKEN, "PX", "9000"]);
    let dry = Shell::new().run(&["locks", "release", "lock:a", "--dry-run", "-u", &server.url()]);
    assert!(dry.err.contains("wait instead?"), "{}", dry.err);
}

#[test]
fn families_of_the_user_s_own_are_found_filtered_and_released_their_way() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let file = shell.home.path().join("own.toml");
    let text = "[[lock_family]]\nid = \"stock-lock\"\nkeys = [\"stock:lock:*\"]\nvalues = [\"host-pipe-pid\"]\nsure = 95\n\
                holder = \"{host}, item {name}\"\nwake_list = \"stock:signal:\"\npublish = [\"stock:{name}\"]\n\
                effects = [\"one waiter wakes\"]\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    cli(&server, &["SET", "stock:lock:7", "web-3|4711"]);
    cli(&server, &["SET", "lock:other", TOKEN]);
    let json = shell.run(&["snapshot", "--format", "json", "--config", file, "-u", &url]).json();
    let lock = json["locks"].as_array().unwrap().iter().find(|l| l["key"] == "stock:lock:7").unwrap();
    assert_eq!((&lock["family"], &lock["holder"]), (&"stock-lock".into(), &"web-3, item 7".into()), "{lock}");
    // The generic patterns were replaced; the family's own are no part of them.
    let json = shell
        .run(&["snapshot", "--format", "json", "--lock-pattern", "none:*", "--config", file, "-u", &url])
        .json();
    assert_eq!(json["locks"].as_array().unwrap().len(), 1, "{json}");
    let shown = shell.run(&["config", "show", "--config", file, "-u", &url]);
    assert!(shown.out.contains("[[lock_family]]") && shown.out.contains("stock:signal:"), "{}", shown.out);
    let off = std::fs::read_to_string(file).unwrap() + "[locks]\ndisabled_families = [\"stock-lock\"]\n";
    let other = shell.home.path().join("off.toml");
    std::fs::write(&other, off).unwrap();
    let json =
        shell.run(&["snapshot", "--format", "json", "--config", other.to_str().unwrap(), "-u", &url]).json();
    assert_eq!(json["locks"].as_array().unwrap().len(), 1, "{json}");
    let done = shell.run(&["locks", "release", "stock:lock:7", "--yes", "--config", file, "-u", &url]);
    assert_eq!((done.code, cli(&server, &["LLEN", "stock:signal:7"])), (0, "1".into()), "{}", done.err);
    assert!(done.err.contains("PUBLISH stock:7 stock:lock:7"), "{}", done.err);
    assert_eq!(cli(&server, &["EXISTS", "stock:lock:7"]), "0");
}

#[test]
fn a_connection_that_is_a_lock_is_released_by_its_name() {
    use std::io::{Read as _, Write as _};
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let mut held = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    held.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let name = "nightly-lock-0123456789abcdef0123456789abcdef";
    write!(held, "CLIENT SETNAME {name}\r\nSUBSCRIBE nightly\r\n").unwrap();
    super::wait_until("subscribed", || cli(&server, &["PUBSUB", "NUMSUB", "nightly"]).ends_with('1'));
    let json = shell.run(&["snapshot", "--format", "json", "-u", &url]).json();
    let lock = &json["locks"][0];
    assert_eq!((&lock["family"], &lock["type"]), (&"portalocker".into(), &"connection".into()), "{json}");
    let done = shell.run(&["locks", "release", "nightly", "--if-token", name, "--yes", "-u", &url]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("CLIENT KILL ID") && done.err.contains("cannot be undone"), "{}", done.err);
    let mut rest = Vec::new();
    held.read_to_end(&mut rest).unwrap();
    let gone = shell.run(&["locks", "release", "nightly", "--yes", "-u", &url]);
    assert_eq!(gone.code, 1, "{}", gone.err);
}

#[test]
fn who_still_waits_for_a_lock_that_is_gone_is_told() {
    use std::io::{BufRead as _, BufReader};
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let wake = |more: &[&str]| {
        let words = ["locks", "release", "myLock", "--family", "redisson", "-u", &url];
        shell.run(&[&words[..], more].concat())
    };
    let nobody = wake(&["--yes"]);
    assert_eq!(nobody.code, 1, "{}", nobody.err);
    let mut listener = std::process::Command::new("redis-cli")
        .args(["-p", &server.port().to_string(), "SUBSCRIBE", "redisson_lock__channel:{myLock}"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    super::wait_until("somebody listens", || {
        cli(&server, &["PUBSUB", "NUMSUB", "redisson_lock__channel:{myLock}"]).ends_with('1')
    });
    let dry = wake(&["--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert!(dry.err.contains("PUBLISH redisson_lock__channel:{myLock} 0"), "{}", dry.err);
    assert!(!dry.err.contains("redisson_rwlock") && shell.audit().is_empty(), "{}", dry.err);
    let told = wake(&["--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("nothing is released"), "{}", told.err);
    let lines = BufReader::new(listener.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).skip(3).any(|line| line == "0" || line.ends_with(" 0")), "no message");
    listener.kill().unwrap();
    listener.wait().unwrap();
    // One that is held is released, not only told of.
    cli(&server, &["HSET", "myLock", "285475da-9152-4c83-822a-67ee2f116a79:52", "1"]);
    let released = wake(&["--yes"]);
    assert_eq!((released.code, cli(&server, &["EXISTS", "myLock"])), (0, "0".into()), "{}", released.err);
}

/// Plays a holder that takes the lock again whenever it is gone, with this token, until the command has ended.
fn with_holder<T>(server: &Server, key: &str, token: &str, command: impl FnOnce() -> T) -> T {
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                cli(server, &["SET", key, token, "NX", "PX", "60000"]);
            }
        });
        let told = command();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        told
    })
}

#[test]
fn a_release_says_whether_it_stuck() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let release = |keys: &[&str]| shell.run(&[&["locks", "release"], keys, &["--yes", "-u", &url]].concat());
    cli(&server, &["SET", "lock:a", TOKEN]);
    let stuck = release(&["lock:a"]);
    assert_eq!(stuck.code, 0, "{}", stuck.err);
    assert!(stuck.err.contains("the release stuck: the key is free"), "{}", stuck.err);
    // aioredlock, RedLock.net and others put it back.
    let other = "99999999-9b52-4d8e-8c0c-0d7a4c8ad0a1";
    for (token, says) in [(TOKEN, "re-taken by the same token"), (other, "taken by another holder")] {
        cli(&server, &["SET", "lock:a", TOKEN]);
        let again = with_holder(&server, "lock:a", token, || release(&["lock:a"]));
        assert_eq!(again.code, 0, "it was released: {}", again.err);
        assert!(again.err.contains(says), "{}", again.err);
    }
    cli(&server, &["SET", "lock:a", TOKEN]);
    cli(&server, &["SET", "lock:b", TOKEN]);
    let many = with_holder(&server, "lock:b", TOKEN, || release(&["lock:a", "lock:b", "--format", "json"]));
    let told = many.json();
    assert_eq!(many.code, 0, "{}", many.err);
    assert_eq!(told["locks"][0]["afterwards"], "the release stuck: the key is free", "{told}");
    assert!(
        many.err.contains("lock:b on") && many.err.contains("re-taken by the same token"),
        "{}",
        many.err
    );
    let afterwards = told["locks"][1]["afterwards"].as_str().unwrap();
    assert!(afterwards.contains("re-taken by the same token"), "{told}");
}
