//! What servers say or do themselves, by real configuration.

use redwarden::config::Secret;
use redwarden::domain::node::{NodeState, Reason};
use redwarden::domain::{Command, Rules, Stamp};
use redwarden::launcher::{Server, free_port};

use super::{down, run, status, up, wait_for, watch, writer};

#[tokio::test]
async fn refused_then_frozen() {
    let mut server = Server::start(&[]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    up(&fleet).await;
    server.freeze();
    down(&fleet, Reason::Timeout, "not answered").await;
    server.thaw();
    up(&fleet).await;
    server.kill();
    down(&fleet, Reason::Refused, "").await;
    server.restart().unwrap();
    up(&fleet).await;
}

#[tokio::test]
async fn loading_with_its_progress() {
    let mut server = Server::start(&["--dbfilename", "big.rdb", "--enable-debug-command", "local"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "DEBUG POPULATE 20000 key 100").await;
    run(&mut w, "SAVE").await;
    drop(w);
    server.kill();
    let dir = server.dir().display().to_string();
    let loading = Server::start(&[
        "--dir",
        &dir,
        "--dbfilename",
        "big.rdb",
        "--key-load-delay",
        "500",
        "--loading-process-events-interval-bytes",
        "1024",
    ])
    .unwrap();
    let fleet = watch(&[loading.endpoint()]);
    let status = down(&fleet, Reason::Loading, "% loaded").await;
    eprintln!("{:?}", status.detail);
}

#[tokio::test]
async fn a_replica_without_its_primary() {
    let nobody = free_port().unwrap();
    let server =
        Server::start(&["--replicaof", &format!("127.0.0.1 {nobody}"), "--replica-serve-stale-data", "no"])
            .unwrap();
    let fleet = watch(&[server.endpoint()]);
    down(&fleet, Reason::Masterdown, &format!("no link to its primary 127.0.0.1:{nobody}")).await;
}

#[tokio::test]
async fn a_script_that_never_ends() {
    let server = Server::start(&["--busy-reply-threshold", "50"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    up(&fleet).await;
    let mut w = writer(&server).await;
    let script = tokio::spawn(async move {
        let endless = Command { args: vec!["EVAL".into(), "while true do end".into(), "0".into()] };
        let _ = w.call(&endless).await;
    });
    down(&fleet, Reason::Busy, "").await;
    let mut w = writer(&server).await;
    run(&mut w, "SCRIPT KILL").await;
    up(&fleet).await;
    let _ = script.await;
}

#[tokio::test]
async fn a_server_that_cannot_save_is_alive_and_refuses_writes() {
    let server = Server::start(&["--dbfilename", "dump.rdb"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "CONFIG SET save 3600\\ 1").await;
    let set = Command { args: ["CONFIG", "SET", "save", "3600 100000"].map(Into::into).to_vec() };
    w.call(&set).await.unwrap();
    run(&mut w, "SET lock:a 11112222-token").await;
    // A directory where the file should go: the save fails.
    std::fs::create_dir(server.dir().join("dump.rdb")).unwrap();
    run(&mut w, "BGSAVE").await;
    let fleet = watch(&[server.endpoint()]);
    wait_for(&fleet, "the failed save and the refused writes", |v| {
        let found = v.nodes[0].snapshot.findings(&Rules::default(), Stamp::now().mono);
        status(v).state == NodeState::Up
            && found.iter().any(|f| f.code == "persistence")
            && found.iter().any(|f| f.code == "writes-refused" && f.message.contains("MISCONF"))
    })
    .await;
}

#[tokio::test]
async fn a_cluster_node_without_slots_refuses() {
    let server = Server::start(&["--cluster-enabled", "yes"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    up(&fleet).await;
    let mut w = writer(&server).await;
    assert_eq!(run(&mut w, "SET a b").await.as_error().unwrap().code, "CLUSTERDOWN");
    wait_for(&fleet, "writes refused", |v| {
        let found = v.nodes[0].snapshot.findings(&Rules::default(), Stamp::now().mono);
        found.iter().any(|f| f.code == "writes-refused" && f.message.contains("CLUSTERDOWN"))
    })
    .await;
}

#[tokio::test]
async fn credentials() {
    let server = Server::start(&["--requirepass", "s3cret"]).unwrap();
    down(&watch(&[server.endpoint()]), Reason::Noauth, "").await;
    let mut wrong = server.endpoint();
    wrong.password = Some(Secret::new("nope"));
    let told = down(&watch(&[wrong]), Reason::Wrongpass, "").await;
    assert!(!format!("{told:?}").contains("nope"));
}

#[tokio::test]
async fn no_connection_left() {
    let server = Server::start(&["--maxclients", "1"]).unwrap();
    let _taken = writer(&server).await;
    down(&watch(&[server.endpoint()]), Reason::MaxClients, "").await;
}

#[tokio::test]
async fn renamed_commands_leave_the_rest_going() {
    let server = Server::start(&["--rename-command", "INFO", "hidden-info"]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    let view = wait_for(&fleet, "an answer", |v| status(v).state != NodeState::Suspect).await;
    let s = status(&view);
    eprintln!("{s:?}");
    assert!(s.state == NodeState::Up, "{s:?}");
}
