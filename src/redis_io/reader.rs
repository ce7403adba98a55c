//! A connection that can only observe: there is no way to express a write through it.

use super::error::CallError;
use super::link::Link;
use crate::domain::diagnostics::{FEATURES, PARAMETERS};
use crate::domain::{Bytes, Command, Reply};
use crate::family::{Dialect, Read};

/// Read-only view of a connection.
pub struct Reader {
    link: Link,
}

impl Reader {
    pub(super) fn over(link: Link) -> Self {
        Self { link }
    }

    /// A script went on although so many of its commands were refused, about: the server counts them.
    pub fn was_denied_inside(&self, denials: usize) {
        self.link.denials.add(denials);
    }

    /// How often the server answered us CLUSTERDOWN since this was asked last: its count of them is also ours.
    pub fn take_cluster_downs(&mut self) -> u64 {
        std::mem::take(&mut self.link.cluster_downs)
    }

    /// From now on asks for keys whose slot is on its way to this node (ASKING).
    pub fn ask(&mut self) {
        self.link.asking = true;
    }

    /// The same reads, asked as [`Reader::ask`] does, this once.
    pub async fn read_asking(&mut self, reads: &[Read], dialect: Dialect) -> Result<Vec<Reply>, CallError> {
        let before = std::mem::replace(&mut self.link.asking, true);
        let replies = self.read(reads, dialect).await;
        self.link.asking = before;
        replies
    }

    /// PING; an error reply is a failure of the node. That the command is called otherwise there is an answer, too.
    pub async fn ping(&mut self) -> Result<(), CallError> {
        match self.link.call(&Command::new("PING")).await? {
            Reply::Error(e) if e.is_unknown_command() => Ok(()),
            Reply::Error(e) => Err(CallError::from_reply(&e)),
            _ => Ok(()),
        }
    }

    /// SELECT: the database that the following reads are in.
    pub async fn select(&mut self, db: u32) -> Result<Reply, CallError> {
        self.link.call(&Command::new("SELECT").arg(u64::from(db))).await
    }

    /// INFO (default sections) and TIME in one go.
    pub async fn info_and_time(&mut self) -> Result<[Reply; 2], CallError> {
        Ok(two(self.link.pipeline(&[Command::new("INFO"), Command::new("TIME")]).await?))
    }

    /// SLOWLOG LEN and the newest ten of SLOWLOG GET.
    pub async fn slowlog(&mut self) -> Result<[Reply; 2], CallError> {
        let ask = [Command::new("SLOWLOG LEN"), Command::new("SLOWLOG GET").arg(10_i64)];
        Ok(two(self.link.pipeline(&ask).await?))
    }

    /// LATENCY LATEST.
    pub async fn latency_latest(&mut self) -> Result<Reply, CallError> {
        self.link.call(&Command::new("LATENCY LATEST")).await
    }

    /// CONFIG GET of [`PARAMETERS`]: one reply, or one for each where the server takes only one name (before
    /// Redis 7.0).
    pub async fn parameters(&mut self) -> Result<Vec<Reply>, CallError> {
        let ask = |name: &&str| Command::new("CONFIG GET").arg(*name);
        let all = PARAMETERS.iter().fold(Command::new("CONFIG GET"), |command, name| command.arg(*name));
        let reply = self.link.call(&all).await?;
        match reply.as_error() {
            Some(error) if !error.is_denied() && !error.is_unknown_command() => {
                self.link.pipeline(&PARAMETERS.iter().map(ask).collect::<Vec<_>>()).await
            }
            _ => Ok(vec![reply]),
        }
    }

    /// COMMAND INFO of [`FEATURES`], and HELLO.
    pub async fn features(&mut self) -> Result<[Reply; 2], CallError> {
        let info = FEATURES.iter().fold(Command::new("COMMAND INFO"), |c, (name, _)| c.arg(*name));
        Ok(two(self.link.pipeline(&[info, Command::new("HELLO")]).await?))
    }

    /// CLIENT LIST: costs about 1 ms per 1,000 clients, so only when asked for.
    pub async fn client_list(&mut self) -> Result<Reply, CallError> {
        self.link.call(&Command::new("CLIENT LIST")).await
    }

    /// One step of SCAN, with MATCH where there is a single pattern.
    pub async fn scan(
        &mut self,
        cursor: &Bytes,
        pattern: Option<&str>,
        count: u32,
    ) -> Result<Reply, CallError> {
        let mut command = Command::new("SCAN").arg(cursor.clone());
        if let Some(pattern) = pattern {
            command = command.arg("MATCH").arg(pattern);
        }
        self.link.call(&command.arg("COUNT").arg(i64::from(count))).await
    }

    /// The families' reads as one pipeline; replies in the same order, refused ones as errors in place.
    pub async fn read(&mut self, reads: &[Read], dialect: Dialect) -> Result<Vec<Reply>, CallError> {
        let commands: Vec<Command> = reads.iter().map(|r| r.command(dialect)).collect();
        self.link.pipeline(&commands).await
    }

    /// The elements at both ends of a list, whole, if the list takes no more than `max` bytes of memory.
    /// For users without the right to run scripts.
    pub async fn small_list_ends(&mut self, key: &Bytes, max: i64) -> Result<Option<Vec<Bytes>>, CallError> {
        let size = self.link.call(&Command::new("MEMORY USAGE").arg(key.clone())).await?;
        if size.as_int().is_none_or(|bytes| bytes > max) {
            return Ok(None);
        }
        let ends = [0_i64, -1].map(|index| Command::new("LINDEX").arg(key.clone()).arg(index));
        let replies = self.link.pipeline(&ends).await?;
        Ok(replies.iter().map(Reply::as_bytes).collect())
    }

    /// PTTL of a key.
    pub async fn pttl(&mut self, key: &Bytes) -> Result<Reply, CallError> {
        self.link.call(&Command::new("PTTL").arg(key.clone())).await
    }

    /// LPOS of an element from the head, from the tail, and LLEN. Looks at no more than `maxlen` from each end;
    /// positions count from the head. Not for elements over 4 KiB.
    pub async fn find_in_list(
        &mut self,
        key: &Bytes,
        element: &Bytes,
        maxlen: u32,
    ) -> Result<Vec<Reply>, CallError> {
        let find = |rank: i64| {
            let lpos = Command::new("LPOS").arg(key.clone()).arg(element.clone());
            lpos.arg("RANK").arg(rank).arg("MAXLEN").arg(i64::from(maxlen))
        };
        self.link.pipeline(&[find(1), find(-1), Command::new("LLEN").arg(key.clone())]).await
    }
}

/// The replies of two commands.
fn two(replies: Vec<Reply>) -> [Reply; 2] {
    let mut replies = replies.into_iter();
    [replies.next().unwrap_or(Reply::Nil), replies.next().unwrap_or(Reply::Nil)]
}
