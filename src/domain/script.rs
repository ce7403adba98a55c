//! Lua scripts as they travel.

use super::Bytes;

/// A script of `assets/scripts` without its comments, blank lines and indentation: they need not travel. A comment
/// stands on a line of its own.
pub fn code(source: &str) -> Bytes {
    let lines = source.lines().map(str::trim);
    let code: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("--")).collect();
    Bytes::from(code.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_stay_at_home() {
        let source = "-- What it does.\n\nif a then\n  -- Why.\n  return '-- b'\nend\n";
        assert_eq!(code(source), Bytes::from("if a then\nreturn '-- b'\nend"));
    }
}
