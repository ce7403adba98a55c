//! Nodes, credentials, TLS, topology.

use redwarden::config::{Endpoint, Secret};

use crate::support::{Case, names, passwords};

#[test]
fn names_addresses_and_databases() {
    let file = "[[nodes]]\nname = \"cache\"\nurl = \"redis://h:1/2\"\n[[nodes]]\nurl = \"redis://[::1]/3\"\n\
                [[nodes]]\nurl = \"redis+unix:///run/r.sock?db=1\"\n";
    let config = Case::new(file).config("");
    assert_eq!(names(&config), ["cache", "[::1]:6379/3", "/run/r.sock/1"]);
    let places: Vec<_> = config.nodes.iter().map(|n| format!("{} {}", n.meta.address, n.meta.db)).collect();
    assert_eq!(places, ["h:1 2", "[::1]:6379 3", "/run/r.sock 1"]);
    assert_eq!(config.nodes.iter().map(|n| n.endpoint.db).collect::<Vec<_>>(), [2, 3, 1]);
}

#[test]
fn passwords_come_from_where_the_node_says_and_else_from_the_environment() {
    let file = r#"
        [[nodes]]
        url = "redis://a"
        password_env = "PW_A"
        [[nodes]]
        url = "redis://b"
        username = "bob"
        password_file = "secret/b"
        [[nodes]]
        url = "redis://c"
        password_command = "printf '%s\n' from-command-$OPEN$REDISCLI_AUTH$REDWARDEN_PASSWORD$PW_A$REDWARDEN_URL"
        [[nodes]]
        url = "redis://:own@d"
        [[nodes]]
        url = "redis://e"
    "#;
    let case = Case::new(file).env("PW_A", "from-env").env("OPEN", "open").env("REDISCLI_AUTH", "general");
    case.write("redwarden/secret/b", "from-file\n");
    case.write("flag-pw", "from-flag");
    let own = ["from-env", "from-file", "from-command-open", "own"];
    assert_eq!(passwords(&case.config("")), [&own[..], &["general"]].concat());
    let case = case.env("REDWARDEN_PASSWORD", "ours");
    assert_eq!(passwords(&case.config("")), [&own[..], &["ours"]].concat(), "ours beats redis-cli's");
    let config = case.config("");
    assert_eq!(config.nodes[1].endpoint.username.as_deref(), Some("bob"));
    assert_eq!(
        config.secret_variables,
        ["REDISCLI_AUTH", "REDWARDEN_PASSWORD", "REDWARDEN_URL", "REDWARDEN_URLS", "PW_A"]
    );
    assert_eq!(
        passwords(&case.config("--password-file DIR/flag-pw")),
        ["from-flag"; 5],
        "a flag beats the file"
    );
    let config = case.config("-u redis://x:y@h -u redis://g --user me --password-file DIR/flag-pw");
    assert_eq!(passwords(&config), ["y", "from-flag"]);
    let users: Vec<_> = config.nodes.iter().map(|n| n.endpoint.username.as_deref().unwrap()).collect();
    assert_eq!(users, ["x", "me"], "a URL beside the flag is the more exact word");
}

#[test]
fn a_password_on_the_command_line_earns_a_warning_and_is_not_told() {
    let config = Case::new("").config("redis://:hunter2@h redis://g");
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("h:6379") && config.warnings[0].contains("REDISCLI_AUTH"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let env = Case::new("").env("REDWARDEN_URL", "redis://:hunter2@h").config("");
    assert_eq!(env.warnings, Vec::<String>::new(), "the environment is not in the process list");
    assert_eq!(env.nodes[0].endpoint.password, Some(Secret::new("hunter2")));
    let user = Case::new("").config("redis://alice@h");
    assert!(user.warnings[0].contains("no password"), "{:?}", user.warnings);
}

#[test]
fn tls_settings() {
    let file = "[[nodes]]\nurl = \"rediss://h\"\n\
                tls = { ca_file = \"ca\", cert_file = \"cert\", key_file = \"/dev/null\", server_name = \"n\" }\n\
                [[nodes]]\nurl = \"redis://plain\"\n";
    let case = Case::new(file);
    case.write("redwarden/ca", "");
    case.write("redwarden/cert", "");
    let config = case.config("");
    let tls = config.nodes[0].endpoint.tls.clone().unwrap();
    assert_eq!(tls.ca_file, Some(case.dir.path().join("redwarden/ca")));
    assert_eq!(tls.cert_file, Some(case.dir.path().join("redwarden/cert")));
    assert_eq!((tls.key_file, tls.server_name), (Some("/dev/null".into()), Some("n".into())));
    assert_eq!((tls.insecure, &config.nodes[1].endpoint.tls), (false, &None));

    let config = case.config("-u rediss://x --cacert DIR/redwarden/ca --sni other --insecure");
    let tls = config.nodes[0].endpoint.tls.clone().unwrap();
    assert_eq!((tls.server_name.as_deref(), tls.insecure), (Some("other"), true));
    assert!(config.warnings.iter().any(|w| w.starts_with("INSECURE")), "{:?}", config.warnings);
    let config = case.config("rediss://x#insecure");
    assert!(config.warnings.iter().any(|w| w.starts_with("INSECURE")), "{:?}", config.warnings);
}

#[test]
fn cluster_and_sentinel_are_carried() {
    let case = Case::new("[[nodes]]\nurl = \"redis://file\"\n").env("REDISCLI_AUTH", "pw");
    let config = case.config("--cluster redis://a:7000 --cluster redis://b:7000");
    assert_eq!(names(&config), Vec::<&str>::new(), "a fleet on the command line hides the file's");
    let seeds: Vec<_> = config.topology.clusters[0].seeds.iter().map(|e| e.address.to_string()).collect();
    assert_eq!(seeds, ["a:7000", "b:7000"]);
    assert_eq!(config.topology.clusters[0].seeds[0].password, Some(Secret::new("pw")));

    let config = case.config("--sentinel redis://:own@s1 --sentinel redis://s2:5 --master-name m --user u");
    let sentinel = config.topology.sentinels[0].clone();
    let seeds: Vec<_> = sentinel.seeds.iter().map(|e| e.address.to_string()).collect();
    assert_eq!(seeds, ["s1:26379", "s2:5"]);
    assert_eq!(sentinel.seeds[0].password, Some(Secret::new("own")));
    assert_eq!(sentinel.seeds[1].password, None, "our password is for the nodes, not for the Sentinels");
    assert_eq!((sentinel.username.as_deref(), sentinel.password), (Some("u"), Some(Secret::new("pw"))));
    assert_eq!((sentinel.master_names, sentinel.tls), (vec!["m".to_string()], None));
    let config = case.config("-u redis://x --sentinel rediss://s");
    assert_eq!((names(&config), config.topology.sentinels[0].tls.is_some()), (vec!["x:6379"], true));
}

#[test]
fn a_mixed_fleet_in_one_profile() {
    let case = Case::new(
        "[[profiles.p.nodes]]\nurl = \"redis://a\"\ngroup = \"voters\"\n\
         [[profiles.p.cluster]]\nname = \"sessions\"\nurls = [\"redis://c:7000\", \"redis://own:own@d:7000\"]\n\
         username = \"u\"\npassword_env = \"PW\"\naddress_map = { \"10.0.0.5:6379\" = \"127.0.0.1:7001\" }\n\
         [[profiles.p.cluster]]\nurls = [\"redis://e:7000\"]\nmasters = 3\n\
         [[profiles.p.sentinel]]\nurls = [\"redis://s1\", \"redis://s2\"]\nmaster_name = [\"m1\", \"m2\"]\n\
         password_env = \"DATA\"\nsentinel_username = \"w\"\nsentinel_password_env = \"PW\"\n",
    )
    .env("PW", "hunter2")
    .env("DATA", "hunter3");
    let loaded = case.load("--profile p");
    let config = &loaded.config;
    assert_eq!(config.nodes[0].meta.group, Some(redwarden::domain::GroupId::new("voters")));
    let [sessions, other] = &config.topology.clusters[..] else { panic!("two clusters") };
    let who = |e: &Endpoint| {
        let password = e.password.as_ref().map(|p| p.expose().to_string());
        format!("{}:{}", e.username.as_deref().unwrap_or("-"), password.unwrap_or("-".into()))
    };
    assert_eq!((who(&sessions.seeds[0]), who(&sessions.seeds[1])), ("u:hunter2".into(), "own:own".into()));
    assert_eq!(sessions.addresses.reached("10.0.0.5", 6379), Some(("127.0.0.1".into(), 7001)));
    assert_eq!(
        (other.name.as_str(), other.masters, who(&other.seeds[0])),
        ("cluster", Some(3), "-:-".into())
    );
    let sentinel = &config.topology.sentinels[0];
    assert_eq!(who(&sentinel.seeds[1]), "w:hunter2");
    assert_eq!(
        (&*sentinel.master_names, &sentinel.password),
        (&["m1".into(), "m2".into()][..], &Some(Secret::new("hunter3")))
    );
    let text = redwarden::config::show(&loaded);
    for line in
        ["name = \"sessions\"", "address_map.\"10.0.0.5:6379\" = \"127.0.0.1:7001\"", "group = \"voters\""]
    {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("hunter"), "{text}");
}

#[test]
fn a_list_of_urls_may_be_a_cluster() {
    let case =
        Case::new("topology = \"cluster\"\n[[nodes]]\nurl = \"redis://a\"\n[[nodes]]\nurl = \"redis://b\"\n");
    let config = case.config("");
    assert_eq!((config.nodes.len(), config.topology.clusters[0].seeds.len()), (0, 2));
    let config = case.config("-u redis://x");
    assert_eq!((names(&config), config.topology.is_empty()), (vec!["x:6379"], true), "the flag's own list");
}
