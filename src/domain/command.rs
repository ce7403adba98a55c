//! One Redis command as data: what a plan shows is what the executor sends.

use std::fmt;

use super::Bytes;

/// A command with its arguments, exact bytes. `Display` prints it as one would type it into redis-cli.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Command {
    /// The command's name first, then its arguments.
    pub args: Vec<Bytes>,
}

impl Command {
    /// A command of the given name without arguments yet.
    pub fn new(name: &str) -> Self {
        Self { args: name.split(' ').map(Bytes::from).collect() }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<Bytes>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The command's name in upper case.
    pub fn name(&self) -> String {
        self.args.first().map(|a| a.escaped().to_uppercase()).unwrap_or_default()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&quoted(arg))?;
        }
        Ok(())
    }
}

/// An argument as redis-cli reads it back: bare where harmless, else in double quotes with `\xNN` escapes.
pub fn quoted(arg: &Bytes) -> String {
    let bare = |b: &u8| b.is_ascii_alphanumeric() || b"-_:./{}@+*=,%".contains(b);
    if !arg.is_empty() && arg.as_slice().iter().all(bare) {
        return arg.escaped();
    }
    let mut out = String::from("\"");
    for byte in arg.as_slice() {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x20..=0x7e => out.push(char::from(*byte)),
            other => out.push_str(&format_args!("\\x{other:02x}").to_string()),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_redis_cli_reads_it() {
        let cmd = Command::new("CLIENT SETNAME").arg("a b").arg(&b"\x00\""[..]).arg("");
        assert_eq!(cmd.to_string(), r#"CLIENT SETNAME "a b" "\x00\"" """#);
    }
}
