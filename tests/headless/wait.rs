//! `wait`: exit codes for deploy scripts.

use std::process::Stdio;

use redwarden::launcher::Server;

use super::{Shell, cli, ran, wait_until};

#[test]
fn waits_until_a_queue_is_short() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    // A name that no pattern matches.
    cli(&server, &["LPUSH", "inbox", "a", "b", "c"]);
    let wait = |below: &str, timeout: &str| {
        shell.run(&["wait", "--queue", "inbox", "--below", below, "--timeout", timeout, "-u", &url])
    };
    let met = wait("4", "20s");
    assert_eq!((met.code, met.out.as_str()), (0, ""), "{}", met.err);
    assert!(met.err.contains("inbox: 3 wait, below 4"), "{}", met.err);
    let late = wait("3", "1s");
    assert_eq!(late.code, 1, "{}", late.err);
    assert!(late.err.contains("not met within 1s: inbox on") && late.err.contains("3 wait"), "{}", late.err);
    let mut waiting = shell
        .command(&["wait", "--queue", "inbox", "--below", "1", "--timeout", "20s", "-u", &url])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("it looks", || cli(&server, &["CLIENT", "LIST"]).contains("redwarden"));
    cli(&server, &["DEL", "inbox"]);
    wait_until("it ends", || waiting.try_wait().unwrap().is_some());
    assert_eq!(ran(waiting.wait_with_output().unwrap()).code, 0, "an empty list is no key");
}

#[test]
fn a_librarys_queue_is_meant_by_its_name() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    cli(&server, &["SADD", "rq:queues", "rq:queue:default"]);
    cli(&server, &["RPUSH", "rq:queue:default", "job1", "job2"]);
    let wait = |below: &str| {
        shell.run(&["wait", "--queue", "default", "--below", below, "--timeout", "3s", "-u", &url])
    };
    assert_eq!(wait("3").code, 0);
    let late = wait("2");
    assert_eq!(
        late.code, 1,
        "the plain list `default`, which is empty, is not the whole truth: {}",
        late.err
    );
}

#[test]
fn waits_until_a_lock_is_free() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    let args =
        |timeout: &'static str| ["wait", "--lock", "deploy", "--free", "--timeout", timeout, "-u", &url];
    let free = shell.run(&args("1s"));
    assert_eq!(free.code, 0, "{}", free.err);
    cli(&server, &["SET", "deploy", "token"]);
    let held = shell.run(&args("0s"));
    assert_eq!(held.code, 1, "{}", held.err);
    assert!(held.err.contains("deploy is held on"), "{}", held.err);
    cli(&server, &["PEXPIRE", "deploy", "1500"]);
    let freed = shell.run(&args("20s"));
    assert_eq!(freed.code, 0, "{}", freed.err);
}

#[test]
fn what_cannot_be_known_is_no_timeout() {
    let mut server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    server.kill();
    for what in [["--lock", "k", "--free", "--timeout=1s"], ["--queue", "q", "--below=1", "--timeout=1s"]] {
        let ran = shell.run(&[&["wait"][..], &what, &["-u", &url]].concat());
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("unknown after 1s"), "{}", ran.err);
    }
    for wrong in [&["wait"][..], &["wait", "--queue", "q"], &["wait", "--lock", "k", "--queue", "q"]] {
        assert_eq!(shell.run(wrong).code, 2);
    }
    let wrong = shell.run(&["wait", "--lock", "k", "--free", "--timeout", "soon"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("--timeout soon"), "{}", wrong.err);
}

#[test]
fn what_is_not_permitted_is_unknown_and_never_below_or_free() {
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let rights = "ACL SETUSER poor on nopass ~* +ping +hello +client|setname +select +info +time +scan";
    cli(&server, &rights.split(' ').collect::<Vec<_>>());
    let url = server.url().replace("redis://", "redis://poor:x@");
    for what in
        [&["--lock", "k", "--free", "--timeout=1s"][..], &["--queue", "queue:q", "--below=9", "--timeout=2s"]]
    {
        let ran = shell.run(&[&["wait"][..], what, &["-u", &url]].concat());
        assert_eq!(ran.code, 3, "{what:?}: {}", ran.err);
    }
}

#[test]
fn one_node_of_two_that_is_down_leaves_it_unknown() {
    let (server, mut other) = (Server::start(&[]).unwrap(), Server::start(&[]).unwrap());
    let shell = Shell::new();
    cli(&server, &["LPUSH", "queue:q", "a"]);
    other.kill();
    let (url, gone) = (server.url(), other.url());
    for what in
        [&["--lock", "k", "--free", "--timeout=1s"][..], &["--queue", "queue:q", "--below=9", "--timeout=2s"]]
    {
        let ran = shell.run(&[&["wait"][..], what, &["-u", &url, "-u", &gone]].concat());
        assert_eq!(ran.code, 3, "{what:?}: {}", ran.err);
    }
}

#[test]
fn ctrl_c_ends_it() {
    use std::os::unix::process::ExitStatusExt;
    let server = Server::start(&[]).unwrap();
    let shell = Shell::new();
    let url = server.url();
    cli(&server, &["SET", "deploy", "token"]);
    let mut waiting = shell
        .command(&["wait", "--lock", "deploy", "--free", "--timeout", "1m", "-u", &url])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("it looks", || cli(&server, &["CLIENT", "LIST"]).contains("redwarden"));
    let pid = rustix::process::Pid::from_child(&waiting);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    wait_until("it ends", || waiting.try_wait().unwrap().is_some());
    let status = waiting.wait().unwrap();
    assert!(status.signal() == Some(2) || status.code() == Some(130), "{status:?}");
}
