//! From a real server to every output: what changed is told, and no secret is.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use redwarden::app::command::Panel;
use redwarden::app::event::Event;
use redwarden::app::events::FleetEvent;
use redwarden::app::incident::markdown;
use redwarden::app::key::{Key, KeyCode};
use redwarden::app::state::AppState;
use redwarden::app::update::update;
use redwarden::config::{Endpoint, Secret};
use redwarden::domain::diagnostics::Diagnostics;
use redwarden::domain::{Command, FleetView, Rules, Stamp};
use redwarden::launcher::Server;
use redwarden::poll::Fleet;
use redwarden::report::{self, Sections};
use redwarden::ui::{ViewCache, render};

use super::fixtures::settings;
use super::{run, up, wait_for, watch, writer};

fn dashboard() -> AppState {
    AppState::new(settings(), std::time::Duration::from_secs(1), (100, 130), Stamp::now())
}

fn hear(state: &mut AppState, fleet: &Fleet) {
    let board = fleet.board().borrow().clone();
    update(state, Event::Board(board), Stamp::now());
}

fn told(view: &FleetView) -> &Diagnostics {
    &view.nodes[0].snapshot.diagnostics
}

#[tokio::test]
async fn a_change_of_the_configuration_is_an_event() {
    let server = Server::start(&[]).unwrap();
    let fleet = watch(&[server.endpoint()]);
    wait_for(&fleet, "configuration", |v| told(v).parameter("timeout") == Some("0")).await;
    let mut state = dashboard();
    hear(&mut state, &fleet);
    let mut w = writer(&server).await;
    run(&mut w, "CONFIG SET timeout 77").await;
    run(&mut w, "CONFIG SET maxmemory-policy allkeys-lru").await;
    fleet.refresh();
    wait_for(&fleet, "both changed", |v| {
        let policy = v.nodes[0].snapshot.facts.as_ref().and_then(|f| f.maxmemory_policy.clone());
        told(v).parameter("timeout") == Some("77") && policy.as_deref() == Some("allkeys-lru")
    })
    .await;
    hear(&mut state, &fleet);
    let events: Vec<&FleetEvent> = state.events.iter().collect();
    for words in [
        "config changed: timeout is 77 instead of 0",
        "maxmemory-policy is allkeys-lru instead of noeviction",
    ] {
        assert_eq!(events.iter().filter(|e| e.text.contains(words)).count(), 1, "{words}: {events:?}");
    }
}

#[tokio::test]
async fn no_output_shows_a_password_of_a_slow_command() {
    const SECRETS: [&str; 3] = ["hunter2-requirepass", "hunter2-script", "hunter2-user"];
    let server = Server::start(&["--slowlog-log-slower-than", "0"]).unwrap();
    let mut w = writer(&server).await;
    run(&mut w, "SET lock:a 11112222-token PX 600000").await;
    run(&mut w, &format!("CONFIG SET requirepass {}", SECRETS[0])).await;
    run(&mut w, &format!("AUTH {}", SECRETS[0])).await;
    run(&mut w, &format!("ACL SETUSER x on >{}", SECRETS[2])).await;
    let script = Command::new("EVAL").arg("return redis.error_reply(ARGV[1])").arg("1").arg("lock:a");
    w.call(&script.arg(SECRETS[1])).await.unwrap();
    run(&mut w, "CONFIG SET slowlog-log-slower-than 1000000").await;
    let endpoint = Endpoint { password: Some(Secret::new(SECRETS[0])), ..server.endpoint() };
    let fleet = watch(&[endpoint]);
    up(&fleet).await;
    let view = wait_for(&fleet, "slow log and configuration", |v| {
        told(v).slowlog.known().is_some_and(|log| log.newest.iter().any(|c| c.command == "ACL SETUSER"))
            && told(v).config.known().is_some()
            && told(v).clients.known().is_some()
            && v.locks.len() == 1
    })
    .await;
    let mut state = dashboard();
    hear(&mut state, &fleet);
    let (rules, now) = (Rules::default(), Stamp::now());
    state.focus = Panel::Nodes;
    update(&mut state, Event::Key(Key::plain(KeyCode::Enter)), now);
    let screen = |size: (u16, u16)| {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let mut cache = ViewCache::with_zone(jiff::tz::TimeZone::UTC);
        terminal.draw(|frame| render(frame, &state, &mut cache)).unwrap();
        terminal.backend().to_string()
    };
    let narrow = screen((100, 130));
    assert!(narrow.contains("ACL SETUSER") && narrow.contains("CONFIG SET"), "{narrow}");
    let outputs = [
        narrow,
        screen((200, 60)),
        markdown(&state, std::time::Duration::from_secs(3600)),
        report::json::render(&view, &rules, now, Sections::ALL),
        report::table::render(&view, &rules, now, Sections::ALL),
        report::check::render(&view, &rules, now).0,
        format!("{view:?}"),
        format!("{:?}", state.events),
    ];
    for (output, secret) in outputs.iter().flat_map(|o| SECRETS.map(|s| (o, s))) {
        assert!(!output.contains(secret), "{secret} is in\n{output}");
    }
    let json: serde_json::Value = serde_json::from_str(&outputs[3]).unwrap();
    let node = &json["nodes"][0];
    let newest = node["slowlog"]["newest"].as_array().unwrap();
    assert!(
        newest.iter().any(|c| c["command"] == "EVAL" && c["key"] == "lock:a" && c["arguments"] == 4),
        "{node}"
    );
    assert_eq!(node["config"]["slowlog-log-slower-than"], "1000000");
    assert!(node["config"].get("requirepass").is_none());
    assert!(node["clients"]["count"].as_u64().unwrap() >= 2 && node["features"]["LMOVE"] == true);
}
