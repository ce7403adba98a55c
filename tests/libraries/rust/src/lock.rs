//! A lock of rslock on one server.

use std::time::Duration;

use rslock::{Lock, LockManager};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Answers;

const KEY: &str = "lock:orders";
const TTL: Duration = Duration::from_secs(60);

pub struct Driver {
    url: String,
    held: Option<Lock>,
    waits: Option<JoinHandle<Lock>>,
}

impl Driver {
    pub fn new(url: &str) -> Self {
        Self { url: url.into(), held: None, waits: None }
    }

    fn manager(&self, tries: u32) -> LockManager {
        let mut manager = LockManager::new(vec![self.url.as_str()]);
        manager.set_retry(tries, Duration::from_millis(200));
        manager
    }
}

impl Answers for Driver {
    async fn answer(&mut self, command: &str) -> Result<Value, String> {
        match command {
            "acquire" => {
                self.held = self.manager(1).lock(KEY, TTL).await.ok();
                Ok(json!(self.held.is_some()))
            }
            "wait" => {
                let manager = self.manager(600);
                self.waits = Some(tokio::spawn(async move { manager.lock(KEY, TTL).await.unwrap() }));
                Ok(Value::Null)
            }
            "waited" => {
                if let Some(got) = self.waits.take_if(|wait| wait.is_finished()) {
                    self.held = Some(got.await.unwrap());
                }
                Ok(if self.held.is_some() { json!(true) } else { Value::Null })
            }
            "extend" => {
                let held = self.held.as_ref().unwrap();
                Ok(match self.manager(1).extend(held, TTL).await {
                    Ok(_) => json!(true),
                    Err(error) => json!(format!("{error:?}")),
                })
            }
            "release" => {
                self.manager(1).unlock(self.held.as_ref().unwrap()).await;
                Ok(Value::Null)
            }
            other => Err(format!("no command {other}")),
        }
    }
}
