//! A queue of apalis-redis.

use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use serde_json::{Value, json};

use super::Answers;

async fn storage(url: &str) -> RedisStorage<String> {
    let config = Config::default().queue("mail").heartbeat_interval(Duration::from_secs(1)).batch_size(1);
    RedisStorage::new(apalis_redis::connect(url).await.unwrap()).with_config(config)
}

pub struct Driver(RedisStorage<String>);

impl Driver {
    pub async fn new(url: &str) -> Self {
        Self(storage(url).await)
    }

    async fn count(&mut self, command: &str, key: &str) -> u64 {
        redis::cmd(command).arg(key).query_async(self.0.get_connection()).await.unwrap()
    }
}

impl Answers for Driver {
    async fn answer(&mut self, command: &str) -> Result<Value, String> {
        match command {
            "enqueue" => {
                for what in ["ok", "slow", "ok", "ok", "ok", "ok"] {
                    self.0.push(what.to_owned()).await.map_err(|e| e.to_string())?;
                }
                let later = TaskBuilder::new("ok".to_owned()).run_after(Duration::from_secs(600)).build();
                self.0.push_task(later).await.map_err(|e| e.to_string())?;
                Ok(Value::Null)
            }
            // Its own figures can't be had: the script for them asks sets as if they were sorted.
            "done" => Ok(json!(self.count("SCARD", "mail:done").await)),
            other => Err(format!("no command {other}")),
        }
    }
}

async fn run(what: String, redis: Data<redis::aio::ConnectionManager>) {
    if what != "slow" {
        return;
    }
    let mut redis = (*redis).clone();
    let _: i64 = redis::cmd("INCR").arg("gate-started").query_async(&mut redis).await.unwrap();
    loop {
        let open: bool = redis::cmd("EXISTS").arg("gate-open").query_async(&mut redis).await.unwrap();
        if open {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One task at a time.
pub async fn work(url: &str) {
    let redis = apalis_redis::connect(url).await.unwrap();
    let worker =
        WorkerBuilder::new("worker-1").backend(storage(url).await).concurrency(1).data(redis).build(run);
    worker.run().await.unwrap();
}
