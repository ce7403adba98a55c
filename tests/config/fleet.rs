//! Nodes, credentials, TLS, topology.

use redwarden::config::Secret;

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
    let seeds: Vec<_> = config.topology.cluster.iter().map(|e| e.address.to_string()).collect();
    assert_eq!(seeds, ["a:7000", "b:7000"]);
    assert_eq!(config.topology.cluster[0].password, Some(Secret::new("pw")));

    let config = case.config("--sentinel redis://:own@s1 --sentinel redis://s2:5 --master-name m --user u");
    let sentinel = config.topology.sentinel.unwrap();
    let seeds: Vec<_> = sentinel.seeds.iter().map(|e| e.address.to_string()).collect();
    assert_eq!(seeds, ["s1:26379", "s2:5"]);
    assert_eq!(sentinel.seeds[0].password, Some(Secret::new("own")));
    assert_eq!(sentinel.seeds[1].password, None, "our password is for the nodes, not for the Sentinels");
    assert_eq!((sentinel.username.as_deref(), sentinel.password), (Some("u"), Some(Secret::new("pw"))));
    assert_eq!((sentinel.master_name.as_deref(), sentinel.tls), (Some("m"), None));
    let config = case.config("-u redis://x --sentinel rediss://s");
    assert_eq!(
        (names(&config), config.topology.sentinel.as_ref().unwrap().tls.is_some()),
        (vec!["x:6379"], true)
    );
}
