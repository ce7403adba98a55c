//! A few words with a server of ours over its plain port: enough to build a fleet, blocking, RESP2.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::domain::Reply;
use crate::domain::reply::ReplyError;

/// A bulk or a list of our own servers is never longer.
const MOST: usize = 1024 * 1024;

/// One command on a connection of its own; what the server refuses comes as a reply.
pub(super) fn call(port: u16, words: &[&str]) -> std::io::Result<Reply> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        let _ = write!(command, "${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(command.as_bytes())?;
    read(&mut BufReader::new(stream))
}

/// [`call`], where anything but a text is an error; `Err` is what was said instead.
pub(super) fn text(port: u16, words: &[&str]) -> Result<String, String> {
    match call(port, words) {
        Ok(Reply::Error(error)) => Err(format!("{} on port {port}: {error}", words.join(" "))),
        Ok(reply) => reply
            .as_bytes()
            .map(|bytes| String::from_utf8_lossy(bytes.as_slice()).into_owned())
            .ok_or_else(|| format!("{} on port {port}: not a text", words.join(" "))),
        Err(error) => Err(format!("{} on port {port}: {error}", words.join(" "))),
    }
}

fn read(from: &mut impl BufRead) -> std::io::Result<Reply> {
    let bad = || Error::new(ErrorKind::InvalidData, "not a reply");
    let mut line = String::new();
    from.by_ref().take(64 * 1024).read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    let (kind, rest) = line.split_at_checked(1).ok_or_else(bad)?;
    let length = || rest.parse::<i64>().map_err(|_not_a_number| bad());
    Ok(match kind {
        "+" => Reply::Status(rest.into()),
        "-" => {
            let (code, message) = rest.split_once(' ').unwrap_or((rest, ""));
            Reply::Error(ReplyError { code: code.into(), message: message.into() })
        }
        ":" => Reply::Int(length()?),
        "$" | "*" if length()? < 0 => Reply::Nil,
        "$" => {
            let length = usize::try_from(length()?).ok().filter(|n| *n <= MOST).ok_or_else(bad)?;
            let mut bytes = vec![0; length + 2];
            from.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Reply::Bulk(bytes.into())
        }
        "*" => {
            let length = usize::try_from(length()?).ok().filter(|n| *n <= MOST).ok_or_else(bad)?;
            let mut items = Vec::new();
            for _ in 0..length {
                items.push(read(from)?);
            }
            Reply::Array(items)
        }
        _ => return Err(bad()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_replies() {
        let mut from: &[u8] = b"*5\r\n+OK\r\n:7\r\n$2\r\nab\r\n$-1\r\n-ERR no\r\nrest";
        let Reply::Array(items) = read(&mut from).expect("a list") else { panic!("a list") };
        assert_eq!(
            items[..4],
            [Reply::Status("OK".into()), Reply::Int(7), Reply::Bulk("ab".into()), Reply::Nil]
        );
        assert!(items[4].as_error().is_some_and(|e| e.code == "ERR"));
        assert!(read(&mut &b"HTTP/1.1 400\r\n"[..]).is_err());
    }
}
