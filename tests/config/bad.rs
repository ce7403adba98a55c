//! Mistakes: each is told with file, line, key and remedy, and all of them together.

use crate::support::Case;

/// File text, and for each expected error its start and a word of the remedy.
type Row = (&'static str, &'static [(&'static str, &'static str)]);

const FILES: &[Row] = &[
    ("intervall = \"1s\"", &[("config.toml:1: intervall: this key is not known", "`interval`")]),
    ("\n[ui]\nthme = \"dark\"", &[("config.toml:3: ui.thme:", "`theme`")]),
    ("theme = \"dark\"", &[("config.toml:1: theme:", "[ui]")]),
    ("interval = \"1 parsec\"", &[("config.toml:1: interval: \"1 parsec\" is not a duration", "500ms")]),
    ("interval = 1", &[("config.toml:1: interval: a value of type integer", "string in quotes")]),
    ("interval = \"1ms\"", &[("config.toml:1: interval: 1ms is out of range", "50ms to 1h")]),
    ("timeout = \"0s\"", &[("config.toml:1: timeout: 0s is out of range", "5ms")]),
    ("interval = \"1s\"\ntimeout = \"1s\"", &[("config.toml:2: timeout: the timeout (1s)", "Raise")]),
    ("read_only = \"yes\"", &[("config.toml:1: read_only: a value of type string", "true or false")]),
    ("[locks]\npatterns = \"x\"", &[("config.toml:2: locks.patterns:", "list of strings")]),
    (
        "[locks]\npatterns = [\n  \"ok\",\n  \"a[\",\n  3,\n]",
        &[
            ("config.toml:4: locks.patterns[1]: pattern \"a[\" has a [", "Close it"),
            ("config.toml:5: locks.patterns[2]: a value of type integer", "string"),
        ],
    ),
    (
        "[locks]\ndisabled_families = [\"huey\", \"redison\"]",
        &[("config.toml:2: locks.disabled_families[1]: no lock family is called \"redison\"", "`redisson`")],
    ),
    (
        "[[lock_family]]\nkeys = [\"a\"]\nsure = 9",
        &[("config.toml:1: lock_family[0]: this lock family has no id", "id =")],
    ),
    (
        "[[lock_family]]\nid = \"redisson\"\nkeys = [\"a\"]\nsure = 9",
        &[(
            "config.toml:2: lock_family[0].id: a family of redwarden is called \"redisson\" already",
            "another id",
        )],
    ),
    (
        "[[lock_family]]\nid = \"unknown\"\nkeys = [\"a\"]\nsure = 9",
        &[("config.toml:2: lock_family[0].id: a family of redwarden is called \"unknown\"", "another id")],
    ),
    (
        "[[lock_family]]\nid = \"My Lock\"\nkeys = [\"a\"]\nsure = 9",
        &[("config.toml:2: lock_family[0].id: \"My Lock\" is no id", "lower-case")],
    ),
    (
        "[[lock_family]]\nid = \"a\"\nsure = 9",
        &[("config.toml:2: lock_family[0].id: this lock family fits everything", "keys =")],
    ),
    (
        "[[lock_family]]\nid = \"a\"\nkeys = [\"a\"]",
        &[("config.toml:2: lock_family[0].id: this lock family is never", "sure = 90")],
    ),
    (
        "[[lock_family]]\nid = \"a\"\nkeys = [\"a\"]\nsure = 101\nvalue = [\"uuid\"]\nvalues = [\"uid\"]\nqueue = \"{nmae}\"",
        &[
            ("config.toml:4: lock_family[0].sure: 101 is out of range", "0 to 100"),
            ("config.toml:5: lock_family[0].value: this key is not known", "`values`"),
            ("config.toml:6: lock_family[0].values[0]: no shape of value is called \"uid\"", "`uuid`"),
            ("config.toml:7: lock_family[0].queue: {nmae} is no placeholder", "{name}"),
        ],
    ),
    (
        "[locks]\ndisabled_families = [\"stok\"]\n[[lock_family]]\nid = \"stock\"\nkeys = [\"a\"]\nsure = 9",
        &[("config.toml:2: locks.disabled_families[0]: no lock family is called \"stok\"", "`stock`")],
    ),
    (
        "[queues]\npush = \"up\"",
        &[("config.toml:2: queues.push: \"up\" is not known", "\"left\", \"right\"")],
    ),
    ("[[queues.list]]\nnode = \"a\"", &[("config.toml:1: queues.list[0]: this queue has no key", "key =")]),
    (
        "[[queues.list]]\nkey = \"a\"\n[[queues.list]]\nkey = \"a\"",
        &[("config.toml:4: queues.list[1].key: the queue a is listed twice", "Keep one")],
    ),
    (
        "[[nodes]]\nname = \"one\"\nurl = \"redis://h\"\n[[queues.list]]\nkey = \"a\"\nnode = \"onne\"",
        &[("config.toml:6: queues.list[0].node: no node is called \"onne\"", "`one`")],
    ),
    (
        "[[nodes]]\nname = \"one\"\nurl = \"h\"\n[[queues.list]]\nkey = \"a\"\nnode = \"one\"",
        &[("config.toml:3: nodes[0].url: this is not a URL", "redis://")],
    ),
    ("[[canary]]\ntask = \"A\"", &[("config.toml:1: canary[0]: this canary has no family", "FAMILY")]),
    (
        "[[canary]]\nfamily = \"sidekik\"\npayload = \"{id}\"",
        &[("config.toml:1: canary[0]: no queue family is called \"sidekik\"", "`sidekiq`")],
    ),
    (
        "[[canary]]\nfamily = \"sidekiq\"",
        &[("config.toml:1: canary[0]: this canary of sidekiq names no task", "no harm")],
    ),
    (
        "[[canary]]\nfamily = \"kue\"\ntask = \"a\"",
        &[("config.toml:1: canary[0]: no test task is made for a queue of kue", "Leave")],
    ),
    (
        "[[canary]]\nfamily = \"list\"\npayload = \"ping\"",
        &[("config.toml:3: canary[0].payload: \"ping\" does not hold {id} exactly once", "{id}")],
    ),
    (
        "[[canary]]\nfamily = \"stream\"\npayload = \"{id}\"",
        &[("config.toml:1: canary[0]: an entry of a stream has fields", "FIELD")],
    ),
    (
        "[[canary]]\nfamily = \"bee-queue\"\npayload = \"a {id}\"",
        &[("config.toml:1: canary[0]: a job of bee-queue is JSON", "FIELD")],
    ),
    (
        "[[canary]]\nfamily = \"saq\"\ntask = \"f\"\nargs = \"[1]\"",
        &[("config.toml:1: canary[0]: the arguments of a task of saq have names", "NAME")],
    ),
    (
        "[[canary]]\nfamily = \"rq\"\nargs = \"{}\"",
        &[("config.toml:1: canary[0]: the arguments of a task of rq are a list", "[...]")],
    ),
    (
        "[[canary]]\nfamily = \"rq\"\nargs = \"[\"",
        &[("config.toml:3: canary[0].args: this is not JSON", "args =")],
    ),
    (
        "[[canary]]\nfamily = \"rq\"\n[[canary]]\nfamily = \"rq\"",
        &[("config.toml:3: canary[1]: a canary for rq stands here twice", "Keep one")],
    ),
    (
        "[[queue_family]]\ntype = \"lst\"",
        &[
            ("config.toml:1: queue_family[0]: this family has no id", "FAMILY"),
            ("config.toml:1: queue_family[0]: this family has no queue", "{name}"),
            ("config.toml:2: queue_family[0].type: \"lst\" is not known", "\"list\", \"stream\", \"zset\""),
        ],
    ),
    (
        "[[queue_family]]\nid = \"celery\"\nqueue = \"a:b\"",
        &[
            ("config.toml:2: queue_family[0].id: celery is a library", "another"),
            ("config.toml:3: queue_family[0].queue: \"a:b\" does not hold {name} exactly once", "{name}"),
        ],
    ),
    (
        "[[queue_family]]\nid = \"My Queues\"\nqueue = \"{name}\"\nfailed = \"f:{name}:{name}\"\nname = \"x\"",
        &[
            ("config.toml:2: queue_family[0].id: \"My Queues\" is no id", "a to z"),
            ("config.toml:3: queue_family[0].queue: \"{name}\" fits every key", "before or after"),
            ("config.toml:4: queue_family[0].failed: \"f:{name}:{name}\" does not hold", "{name}"),
            ("config.toml:5: queue_family[0].name: this key is not known", "`id`"),
        ],
    ),
    (
        "[[queue_family]]\nid = \"a\"\nqueue = \"a:{name}\"\nworkers = \"w\"\n[[queue_family]]\nid = \"a\"\nqueue = \"b:{name}\"\nheartbeat = \"h:{worker}\"",
        &[
            ("config.toml:4: queue_family[0].workers: nothing says which", "alive_for"),
            ("config.toml:5: queue_family[1]: the family a is described twice", "Keep one"),
            ("config.toml:8: queue_family[1].heartbeat: no workers are named", "workers ="),
        ],
    ),
    (
        "[[queue_family]]\nid = \"a\"\nqueue = \"a:{name}\"\nworkers = \"w\"\nheartbeat = \"h:{worker}\"\nalive_for = \"1s\"",
        &[("config.toml:4: queue_family[0].workers: both heartbeat and alive_for", "Keep heartbeat")],
    ),
    (
        "[queue_prefixes]\nbullmq = [\"\"]\narq = [\"x\"]\nbulmq = [\"x\"]\nrq = \"x\"\nasynq = [\"x\"]",
        &[
            ("config.toml:2: queue_prefixes.bullmq[0]: the prefix is empty", "before the keys"),
            ("config.toml:3: queue_prefixes.arq: this key is not known", "fixed"),
            ("config.toml:4: queue_prefixes.bulmq: this key is not known", "`bullmq`"),
            ("config.toml:5: queue_prefixes.rq: a value of type string", "list of strings"),
            ("config.toml:6: queue_prefixes.asynq: this key is not known", "fixed"),
        ],
    ),
    ("[worker]\nconcurrency = 0", &[("config.toml:2: worker.concurrency: 0 is out of range", "1 to 1024")]),
    ("[scan]\nbudget = 1.5", &[("config.toml:2: scan.budget: 1.5 is out of range", "above 0 up to 1")]),
    ("[rules]\ngrowing_above = nan", &[("config.toml:2: rules.growing_above: nan", "number")]),
    ("[nodes]\nurl = \"x\"", &[("config.toml:1: nodes: a value of type table", "[[nodes]]")]),
    ("[[nodes]]\nname = \"a\"", &[("config.toml:1: nodes[0]: this node has no url", "url =")]),
    ("[[nodes]]\nurl = \"redis://:hunter2@h:x\"", &[("config.toml:2: nodes[0].url:", "percent-encode")]),
    (
        "[[nodes]]\nurl = \"http://:hunter2@h\"",
        &[("config.toml:2: nodes[0].url: the URL's scheme", "rediss")],
    ),
    (
        "[[nodes]]\nurl = \"redis://h\"\npassword = \"hunter2\"",
        &[("config.toml:3: nodes[0].password: this key is not known", "password_env")],
    ),
    (
        "[[nodes]]\nurl = \"redis://h\"\npassword_env = \"hunter2 =x\"",
        &[("config.toml:3: nodes[0].password_env: this is not the name", "not the password")],
    ),
    (
        "[[nodes]]\nurl = \"redis://h\"\nname = \"a\\u001b[31m\"",
        &[("config.toml:3: nodes[0].name: \"a\\x1b[31m\" cannot be", "printable")],
    ),
    (
        "[[nodes]]\nurl = \"redis://:hunter2@h\"\npassword_env = \"X\"",
        &[("config.toml:3: nodes[0].password_env: the password of this node is given twice", "url")],
    ),
    (
        "[[nodes]]\nurl = \"redis://h\"\npassword_file = \"x\"\npassword_command = \"echo\"",
        &[
            ("config.toml:3: nodes[0].password_file: the password of node h:6379 is missing", "file"),
            (
                "config.toml:4: nodes[0].password_command: the password of this node is given twice",
                "Keep one",
            ),
        ],
    ),
    (
        "[[nodes]]\nurl = \"redis://h\"\ntls = { insecure = true }",
        &[("config.toml:3: nodes[0].tls: TLS is configured for a node without TLS", "rediss://")],
    ),
    (
        "[[nodes]]\nurl = \"rediss://h\"\ntls = { cert_file = \"/dev/null\", ca = \"x\" }",
        &[
            ("config.toml:3: nodes[0].tls: a client certificate needs its key", "key_file"),
            ("config.toml:3: nodes[0].tls.ca: this key is not known", "`ca_file`"),
        ],
    ),
    (
        "[[nodes]]\nurl = \"rediss://h\"\ntls = { ca_file = \"none.pem\" }",
        &[("config.toml:2: nodes[0].url: the TLS file", "permissions")],
    ),
    (
        "[[nodes]]\nurl = \"redis://h\"\n\n[[nodes]]\nurl = \"redis://H:6379/0\"",
        &[(
            "config.toml:5: nodes[1].url: H:6379 is the same server and database as the node h:6379 on line 2",
            "once",
        )],
    ),
    (
        "[[nodes]]\nname = \"a\"\nurl = \"redis://g\"\n[[nodes]]\nname = \"a\"\nurl = \"redis://h\"",
        &[("config.toml:6: nodes[1].url: the name a is already taken by the node a on line 3", "of its own")],
    ),
    (
        "[profiles.p]\ninterval = \"x\"\n[[profiles.p.nodes]]\nurl = \"h\"\nport = 1",
        &[
            ("config.toml:2: profiles.p.interval:", "500ms"),
            ("config.toml:4: profiles.p.nodes[0].url: this is not a URL", "redis://"),
            ("config.toml:5: profiles.p.nodes[0].port:", "Write host and port"),
        ],
    ),
    ("[profiles]\np = 1", &[("config.toml:2: profiles.p: a value of type integer", "table")]),
    ("[[cluster]]\nname = \"a\"", &[("config.toml:1: cluster[0]:", "Add urls =")]),
    (
        "[[cluster]]\nname = \"a\"\nurls = [\"redis://h\"]\n[[sentinel]]\nname = \"a\"\nurls = [\"redis://s\"]",
        &[("config.toml:5: sentinel[0].name:", "already taken by the group on line 2")],
    ),
    (
        "[cluster]\nurls = [\"redis://h\"]\naddress_map = { \"10.0.0.5:x\" = \"h\" }",
        &[("config.toml:3: cluster.address_map.10.0.0.5:x:", "maps no addresses")],
    ),
    (
        "[sentinel]\nurls = [\"redis://h\"]\nsentinel_password_env = \"A\"\nsentinel_password_file = \"b\"",
        &[
            ("config.toml:3: sentinel.sentinel_password_env:", "Set the variable"),
            ("config.toml:4: sentinel.sentinel_password_file:", "Keep one of sentinel_password_env"),
        ],
    ),
    ("topology = \"ring\"", &[("config.toml:1: topology:", "Write one of \"independent\", \"cluster\"")]),
    ("[cluster]\nurl = \"x\"", &[("config.toml:2: cluster.url:", "urls =")]),
    ("interval = \"1s\"\ninterval = \"2s\"", &[("config.toml:2: this is not TOML: duplicate key", "quotes")]),
    ("a = \nurl = redis://:hunter2@h\n", &[("config.toml:1: this is not TOML", "quotes")]),
];

#[test]
fn bad_files_are_told_with_line_key_and_remedy() {
    for (file, expected) in FILES {
        let errors = Case::new(file).errors("");
        for (start, remedy) in *expected {
            let found = errors.iter().any(|e| e.starts_with(start) && e.contains(remedy));
            assert!(found, "{file}\n wanted: {start} ... {remedy}\n got: {errors:#?}");
        }
        // The parser may tell more than one thing of what is no TOML at all.
        let is_syntax = expected.iter().any(|(start, _)| start.contains("not TOML"));
        assert!(is_syntax || errors.len() == expected.len(), "{file}\n got: {errors:#?}");
    }
}

#[test]
fn all_problems_of_all_sources_come_together_in_the_order_of_the_file() {
    let errors =
        Case::new("[ui]\nx = 1\n[scan]\nbudget = 0\n[[nodes]]\nurl = \"redis://h\"\npassword_env = \"NO\"\n")
            .env("REDWARDEN_INTERVAL", "soon")
            .env("REDWARDEN_READ_ONLY", "maybe")
            .env("REDWARDEN_THEME", "pink")
            .env("REDWARDEN_QUEUE_PATTERNS", "a[")
            .errors("--timeout never --lock-pattern [ --profile nope");
    let starts = [
        "--timeout: \"never\" is not a duration",
        "--lock-pattern: pattern \"[\"",
        "$REDWARDEN_INTERVAL: \"soon\"",
        "$REDWARDEN_READ_ONLY: \"maybe\" is neither yes nor no",
        "$REDWARDEN_QUEUE_PATTERNS: pattern",
        "$REDWARDEN_THEME: \"pink\"",
        "--profile: there is no profile \"nope\"",
        "config.toml:2: ui.x:",
        "config.toml:4: scan.budget:",
        "config.toml:7: nodes[0].password_env: the password of node h:6379 is missing: $NO is not set",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "wanted {start}, got {error}");
    }
}

#[test]
fn flags_and_variables() {
    for (file, variables, line, start, remedy) in [
        ("", "", "-u redis://:hunter2@h:x", "--url: the URL cannot be read", "percent-encode"),
        ("", "", "redis://a nodes redis://:hunter2h/x", "--url: URL 2 of 2: the URL", "percent-encode"),
        ("", "", "-u redis://a snapshot redis://a", "--url: a:6379 is the same server", "once"),
        ("", "redis://:hunter2@h/x", "", "$REDWARDEN_URL: the URL's database", "/db"),
        ("", "", "--cacert /dev/null redis://h", "--cacert: the node h:6379 does not speak TLS", "rediss://"),
        ("", "", "--insecure", "--insecure: the node 127.0.0.1:6379 does not", "rediss://"),
        ("", "", "--cert /dev/null rediss://h", "--cert: a client certificate needs its key", "--key"),
        ("", "", "--config DIR/none.toml", "--config: ", "config template"),
        ("", "", "--config DIR", "--config: ", "cannot be read"),
        ("", "", "--profile p", "--profile: there is no profile \"p\"", "no configuration file"),
        ("[profiles.prod]", "", "--profile prdo", "--profile: there is no profile", "`prod`"),
        ("read_only = true", "", "--profile p", "--profile: there is no profile", "[profiles.p]"),
        (
            "",
            "",
            "--password-file DIR/none redis://h",
            "--password-file: the password of node h:6379",
            "alone",
        ),
        (
            "interval = \"1s\"",
            "",
            "--timeout 2s",
            "--timeout: the timeout (2s) is not shorter",
            "config.toml:1",
        ),
    ] {
        let errors = Case::new(file).env("REDWARDEN_URL", variables).errors(line);
        assert!(errors[0].starts_with(start) && errors[0].contains(remedy), "{line}: {errors:#?}");
        assert_eq!(errors.len(), 1, "{line}: {errors:#?}");
    }
}

#[test]
fn passwords_that_cannot_be_fetched() {
    for (key, what) in [
        ("password_env = \"NOT_SET\"", "$NOT_SET is not set"),
        ("password_env = \"EMPTY\"", "$EMPTY is not set or empty"),
        ("password_file = \"none\"", "cannot be read"),
        ("password_file = \"empty\"", "is empty"),
        ("password_command = \"echo hunter2; exit 7\"", "the command failed (exit status: 7)"),
        ("password_command = \"true\"", "the command printed nothing"),
    ] {
        let case =
            Case::new(&format!("[[nodes]]\nname = \"cache\"\nurl = \"redis://h\"\n{key}\n")).env("EMPTY", "");
        case.write("redwarden/empty", "\n");
        let errors = case.errors("");
        let start =
            format!("config.toml:4: nodes[0].{}: the password of node cache", key.split(' ').next().unwrap());
        assert!(errors[0].starts_with(&start) && errors[0].contains(what), "{errors:?}");
    }
    let case = Case::new("[[nodes]]\nurl = \"redis://h\"\npassword_command = \"touch ran; false\"\nx = 1\n");
    assert_eq!(case.errors("").len(), 1, "no command runs for a configuration that is wrong anyway");
}

#[test]
fn a_file_that_is_not_utf8() {
    let case = Case::new("x");
    std::fs::write(case.dir.path().join("redwarden/config.toml"), b"# a\n# \xff\n").unwrap();
    assert!(case.errors("")[0].starts_with("config.toml:2: the file is not UTF-8 here"));
}
