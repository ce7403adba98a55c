//! Programs of real libraries of Rust: `real-libraries apalis|rslock driver|worker`. A driver answers each line of
//! stdin, a list of a command and its arguments in JSON, with one line of JSON.

mod jobs;
mod lock;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};

/// What a driver answers.
trait Answers {
    async fn answer(&mut self, command: &str) -> Result<Value, String>;
}

async fn serve(mut driver: impl Answers) {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let asked: Vec<Value> = serde_json::from_str(&line).unwrap();
        let answer = match driver.answer(asked[0].as_str().unwrap()).await {
            Ok(answer) => json!({ "ok": answer }),
            Err(why) => json!({ "error": why }),
        };
        stdout().write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        stdout().flush().await.unwrap();
    }
}

#[tokio::main]
async fn main() {
    let url = std::env::var("REDIS_URL").unwrap();
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["apalis", "driver"] => serve(jobs::Driver::new(&url).await).await,
        ["apalis", "worker"] => jobs::work(&url).await,
        ["rslock", "driver"] => serve(lock::Driver::new(&url)).await,
        _ => panic!("{words:?}"),
    }
}
