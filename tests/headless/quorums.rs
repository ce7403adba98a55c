//! `quorums` in the JSON.

use redwarden::launcher::Server;
use serde_json::json;

use super::{Shell, cli};

#[test]
fn locks_stay_one_row_for_each_node_and_quorums_stand_beside_them() {
    let servers: Vec<Server> = (0..3).map(|_| Server::start(&[]).unwrap()).collect();
    let token = "3dcb04b8-2e15-4208-8244-348d3fb4fa6c";
    for server in &servers[..2] {
        cli(server, &["SET", "lock:import", token, "PX", "60000"]);
    }
    cli(&servers[2], &["SET", "lock:other", "99999999-9b52-4d8e-8c0c", "PX", "60000"]);
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let mut args = vec!["locks", "--format", "json"];
    args.extend(urls.iter().map(String::as_str));
    let shell = Shell::new();
    let json = shell.run(&args).json();
    // Who looks once remembers nothing.
    assert!(!shell.home.path().join("state/redwarden/holds.json").exists());
    assert_eq!(json["locks"].as_array().unwrap().len(), 3);
    let [quorum] = json["quorums"].as_array().unwrap().as_slice() else { panic!("{json:#}") };
    assert_eq!(
        [
            &quorum["key"],
            &quorum["state"],
            &quorum["votes"],
            &quorum["voters"],
            &quorum["group"],
            &quorum["token"]
        ],
        [&json!("lock:import"), &json!("held"), &json!(2), &json!(3), &json!(null), &json!(token)]
    );
    assert!(quorum["ttl_spread_ms"].as_u64().unwrap() < 5_000, "{quorum:#}");
    let words: Vec<_> = quorum["nodes"].as_array().unwrap().iter().map(|n| n["vote"].clone()).collect();
    assert_eq!(words, ["held", "held", "free"]);
    assert_eq!(quorum["nodes"][2]["ttl_ms"], json!(null));
}
