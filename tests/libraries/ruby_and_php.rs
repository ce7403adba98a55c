//! Libraries of Ruby and PHP, as Debian packages them.

use redwarden::launcher::Server;
use serde_json::{Value, json};

use super::counted::{agree_on, agree_when, says, shows_in_flight};
use super::db::{Db, eventually};
use super::debian::Debian;
use super::shell::Shell;
use super::watch;

async fn busy(db: &mut Db) {
    eventually("a job at the gate", async || db.run("EXISTS gate-started").await.as_int() == Some(1)).await;
}

#[tokio::test]
#[ignore = "needs Debian's ruby-sidekiq: the README's line for --ignored"]
async fn sidekiq_counts_as_its_api_does() {
    let (ruby, server) = (Debian::ruby("sidekiq"), Server::start(&[]).unwrap());
    let mut driver = ruby.driver(&server, "app_sidekiq.rb", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    let moment = |default: [u64; 6], low: [u64; 6]| {
        let of = |[waiting, in_flight, scheduled, retry, failed, workers]: [u64; 6]| {
            json!({
                "waiting": waiting, "in_flight": in_flight, "scheduled": scheduled, "retry": retry,
                "failed": failed, "workers": workers,
            })
        };
        json!({ "default": of(default), "low": of(low) })
    };
    let before = moment([9, 0, 1, 0, 0, 0], [2, 0, 3, 0, 0, 0]);
    assert_eq!(driver.ask("counts", &[]), before);
    agree_on(&fleet, "sidekiq", "before", &before).await;

    let worker = ruby.worker(&server, "app_sidekiq.rb", &[]);
    busy(&mut db).await;
    let at_work = moment([5, 1, 1, 1, 1, 1], [2, 0, 3, 0, 0, 1]);
    driver.until("counts", &at_work);
    let queues = agree_on(&fleet, "sidekiq", "busy", &at_work).await;
    assert!(says(&queues[0], "process", "1 of 1 threads busy"), "{queues:#?}");

    shows_in_flight(&server.url(), "queue:default", "Slow");

    // Killed: the set names it on, until its hash runs out after a minute. The test does not wait for that.
    let identity = driver.ask("identities", &[])[0].as_str().unwrap().to_owned();
    worker.kill();
    for end in ["", ":workers"] {
        db.run(&format!("PEXPIRE {identity}{end} 1")).await;
    }
    let killed = moment([5, 0, 1, 1, 1, 0], [2, 0, 3, 0, 0, 0]);
    driver.until("counts", &killed);
    agree_when(&fleet, "sidekiq", "killed", &killed, |queues| {
        queues.iter().all(|q| says(q, "gone", &identity))
    })
    .await;

    db.run("SET gate-open 1").await;
    let _worker = ruby.worker(&server, "app_sidekiq.rb", &[]);
    let done = moment([0, 0, 1, 1, 1, 1], [0, 0, 3, 0, 0, 1]);
    driver.until("counts", &done);
    agree_on(&fleet, "sidekiq", "done", &done).await;
    // All but the one that the killed process had; that ours was run, too, tells the same counter.
    driver.until("processed", &json!(10));
    let (shell, url) = (Shell::new(), server.url());
    let config = shell.home.path().join("canary.toml");
    std::fs::write(&config, "[[canary]]\nfamily = \"sidekiq\"\ntask = \"Ok\"\n").unwrap();
    let canary = |more: &[&str]| {
        let canary = ["queues", "canary", "queue:default", "--yes", "--wait", "60s", "-u", &url];
        shell.run(&[&canary, more].concat())
    };
    let ran = canary(&["--config", config.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    driver.until("processed", &json!(11));
    driver.until("counts", &done);
    let ran = canary(&[]);
    assert!(ran.code == 1 && ran.err.contains("[[canary]] family = \"sidekiq\""), "{}", ran.err);
}

#[tokio::test]
#[ignore = "needs Debian's php-laravel-framework and php-redis: the README's line for --ignored"]
async fn laravel_counts_as_its_queue_does() {
    let (php, server) = (Debian::php("Illuminate/Queue"), Server::start(&[]).unwrap());
    let mut driver = php.driver(&server, "app_laravel.php", &[]);
    let (mut db, fleet) = (Db::open(&server.endpoint()).await, watch(&server));
    driver.ask("enqueue", &[]);
    // In the order of their names, with the prefix that tells applications apart.
    let named = |counts: &Value| {
        let of = |name: &str| (format!("laravel_database_{name}"), counts[name].clone());
        ["default", "mails"].into_iter().map(of).collect::<Value>()
    };
    let moment = |default: [u64; 3], mails: [u64; 3]| {
        let of = |[waiting, in_flight, scheduled]: [u64; 3]| json!({ "waiting": waiting, "in_flight": in_flight, "scheduled": scheduled });
        json!({ "default": of(default), "mails": of(mails) })
    };
    let before = moment([6, 0, 1], [1, 0, 2]);
    assert_eq!(driver.ask("counts", &[]), before);
    agree_on(&fleet, "laravel", "before", &named(&before)).await;

    let worker = php.worker(&server, "app_laravel.php", &[]);
    busy(&mut db).await;
    // What failed is delayed until it is tried again.
    let at_work = moment([3, 1, 2], [1, 0, 2]);
    driver.until("counts", &at_work);
    agree_on(&fleet, "laravel", "busy", &named(&at_work)).await;

    // Nothing tells that a worker was killed but the time at which its job is another's.
    worker.kill();
    assert_eq!(driver.ask("counts", &[]), at_work);
    driver.ask("age", &[]);
    agree_when(&fleet, "laravel", "killed", &named(&at_work), |queues| {
        says(&queues[0], "timed out", "1 taken jobs")
    })
    .await;
    db.run("SET gate-open 1").await;
    let _worker = php.worker(&server, "app_laravel.php", &[]);
    let done = moment([0, 0, 2], [0, 0, 2]);
    driver.until("counts", &done);
    agree_on(&fleet, "laravel", "done", &named(&done)).await;
}
